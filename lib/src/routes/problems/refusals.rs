//! Problems for the refusals of flows.

use super::{Code, Problem};
use crate::{
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{
            AuthorizationRefusal, BookingRefusal, CancelRefusal, ClaimRefusal, PaymentRefusal,
            RefundRefusal, VoidReason,
        },
    },
    domain::{
        money::{Amount, Currency},
        paypal_meaning::Meaning,
        refusal::Refusal,
    },
    flows::{
        booking::{cancel::CancelError, hold::HoldError, lock::LockTimeout, order::OrderError},
        payment::{
            authorize::AuthorizeError,
            capture::{CAPTURED_IN_PART, CaptureError, CaptureFailure},
            reauthorize::ReauthorizeError,
        },
        traffic::admission::LimitExceeded,
    },
};
use serde_json::json;

impl From<LimitExceeded> for Problem {
    fn from(LimitExceeded(decision): LimitExceeded) -> Self {
        let seconds = decision.retry_after_seconds;
        Self::new(Code::RateLimited)
            .detail(format!("Come back in {seconds} seconds."))
            .retry_after(seconds)
    }
}

impl From<LockTimeout> for Problem {
    fn from(timeout: LockTimeout) -> Self {
        Self::new(Code::BookingInProgress)
            .retry_after(1)
            .because(timeout)
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Database(error) => error.into(),
            HoldError::Locked(timeout) => timeout.into(),
            HoldError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<BookingRefusal> for Problem {
    fn from(refusal: BookingRefusal) -> Self {
        let start = |code, detail| rental_not_allowed("/startDate", code, detail);
        let end = |code, detail| rental_not_allowed("/endDate", code, detail);
        match refusal {
            BookingRefusal::IdempotencyKeyReused => Self::new(Code::IdempotencyKeyReused)
                .detail("Use a new Idempotency-Key for another booking."),
            BookingRefusal::BookingMismatch => booking_mismatch(),
            BookingRefusal::CarNotFound => Self::new(Code::CarNotFound),
            BookingRefusal::InThePast => {
                start("in_the_past", "must not have passed where the car stands")
            }
            BookingRefusal::TooFarAhead => start("too_far_ahead", "must be at most a year ahead"),
            BookingRefusal::TooShort => end(
                "too_short",
                "makes the rental shorter than this car's shortest",
            ),
            BookingRefusal::TooLong => end(
                "too_long",
                "makes the rental longer than this car's longest",
            ),
            BookingRefusal::NotPriced => start("not_priced", "has no price for this car"),
            BookingRefusal::PriceMismatch {
                server_price,
                currency,
            } => price_mismatch(server_price, currency),
            BookingRefusal::DatesUnavailable { unavailable_dates } => {
                dates_unavailable().member("unavailableDates", json!(unavailable_dates))
            }
        }
    }
}

fn rental_not_allowed(pointer: &str, code: &'static str, detail: &'static str) -> Problem {
    Problem::field(Code::RentalNotAllowed, pointer, Refusal::new(code, detail))
}

fn price_mismatch(server_price: Amount, currency: Currency) -> Problem {
    Problem::new(Code::PriceMismatch)
        .detail("Show the customer the price in serverPrice, or leave totalPrice out.")
        .member("serverPrice", json!(server_price))
        .member("currency", json!(currency))
}

fn dates_unavailable() -> Problem {
    Problem::new(Code::DatesUnavailable).detail("Choose other days; see /api/cars/availability.")
}

fn booking_mismatch() -> Problem {
    Problem::new(Code::BookingMismatch)
        .detail("carId, startDate and endDate must be those of the booking.")
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Database(error) => error.into(),
            OrderError::PayPal(error) => error.into(),
            OrderError::Refused(refusal) => match refusal {
                PaymentRefusal::BookingNotFound => Self::new(Code::BookingNotFound),
                PaymentRefusal::BookingMismatch => booking_mismatch(),
                PaymentRefusal::PriceMismatch {
                    server_price,
                    currency,
                } => price_mismatch(server_price, currency),
                PaymentRefusal::DatesUnavailable => dates_unavailable(),
                PaymentRefusal::HoldExpired => Self::new(Code::HoldExpired)
                    .detail("The days are free, but the hold is over. Make a new booking."),
                PaymentRefusal::BookingNotPayable => Self::new(Code::BookingNotPayable),
                PaymentRefusal::AlreadyPaid => Self::new(Code::AlreadyPaid),
                PaymentRefusal::PaymentInProgress => payment_under_review(),
            },
        }
    }
}

impl From<AuthorizeError> for Problem {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::Database(error) => error.into(),
            AuthorizeError::PayPal(error) => not_authorized(error),
            AuthorizeError::Refused(refusal) => refusal.into(),
            AuthorizeError::Voided(reason) => match reason {
                VoidReason::PaymentMismatch => Self::new(Code::PaymentMismatch)
                    .detail("The authorization was voided; make a new order."),
                VoidReason::BookingNotPayable => {
                    Self::new(Code::BookingNotPayable).detail("The authorization was voided.")
                }
                VoidReason::AlreadyPaid => {
                    Self::new(Code::AlreadyPaid).detail("The second authorization was voided.")
                }
                VoidReason::DatesUnavailable => {
                    dates_unavailable().detail("The days are taken. The authorization was voided.")
                }
            },
        }
    }
}

impl From<AuthorizationRefusal> for Problem {
    fn from(refusal: AuthorizationRefusal) -> Self {
        match refusal {
            AuthorizationRefusal::OrderNotFound => Self::new(Code::OrderNotFound),
            AuthorizationRefusal::OrderEnded => {
                Self::new(Code::OrderEnded).detail("Make a new order.")
            }
            AuthorizationRefusal::DatesUnavailable => dates_unavailable()
                .detail("The hold lapsed and the days are taken. Nothing was charged."),
            AuthorizationRefusal::HoldExpired => Self::new(Code::HoldExpired).detail(
                "The payer has not approved the order in time. Nothing was charged. Make a new \
                 booking.",
            ),
            AuthorizationRefusal::BookingNotPayable => Self::new(Code::BookingNotPayable),
            AuthorizationRefusal::AlreadyPaid => Self::new(Code::AlreadyPaid),
            AuthorizationRefusal::PaymentInProgress => {
                Self::new(Code::PaymentInProgress).retry_after(2)
            }
        }
    }
}

/// PayPal needs hours or days to decide.
fn payment_under_review() -> Problem {
    Problem::new(Code::PaymentInProgress)
        .detail("PayPal is reviewing a payment of this booking.")
        .retry_after(3600)
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Database(error) => error.into(),
            CancelError::Refused(refusal) => match refusal {
                CancelRefusal::BookingNotFound => Self::new(Code::BookingNotFound),
                CancelRefusal::BookingNotCancellable => {
                    Self::new(Code::BookingNotCancellable).detail("From the first day on, call us.")
                }
                CancelRefusal::BookingCompleted => Self::new(Code::BookingCompleted).detail(
                    "It cannot be canceled. Capture or refund its payment. If nobody paid, let the \
                     customer pay with a new order, or acknowledge the finding.",
                ),
                CancelRefusal::PaymentInProgress { .. } => {
                    Self::new(Code::PaymentInProgress).retry_after(5)
                }
                CancelRefusal::AlreadyCaptured => Self::new(Code::AlreadyCaptured)
                    .detail("Refund it, or cancel the booking, which refunds it."),
            },
        }
    }
}

impl From<ClaimRefusal> for Problem {
    fn from(refusal: ClaimRefusal) -> Self {
        match refusal {
            ClaimRefusal::BookingNotFound => Self::new(Code::BookingNotFound),
            ClaimRefusal::PaymentInProgress => Self::new(Code::PaymentInProgress).retry_after(5),
            ClaimRefusal::CapturedInPart => captured_in_part(),
            ClaimRefusal::AuthorizationPending => Self::new(Code::AuthorizationPending)
                .detail("PayPal reviews the authorization. Retry when it has decided.")
                .retry_after(3600),
            ClaimRefusal::AuthorizationEnded => Self::new(Code::AuthorizationEnded)
                .detail("It was voided or denied, or has expired. The customer can pay again."),
            ClaimRefusal::AlreadyCaptured => Self::new(Code::AlreadyCaptured),
            ClaimRefusal::AlreadyRefunded => Self::new(Code::PaymentNotCapturable)
                .detail("The money was captured and went back. The customer can pay again."),
            ClaimRefusal::NotCapturable => Self::new(Code::PaymentNotCapturable),
        }
    }
}

impl From<CaptureError> for Problem {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::Database(error) => error.into(),
            CaptureError::Refused(refusal) => refusal.into(),
            CaptureError::Failed(failure) => not_captured(&failure),
        }
    }
}

/// The product captures a payment once. The rest is for the operator.
fn captured_in_part() -> Problem {
    Problem::new(Code::AlreadyCaptured).detail(
        "Only a part is captured. Capture or void the rest in PayPal's dashboard, or ask the customer \
         for it.",
    )
}

fn not_captured(failure: &CaptureFailure) -> Problem {
    let code = &failure.code;
    if code == CAPTURED_IN_PART {
        return captured_in_part();
    }
    match failure.meaning {
        Meaning::DeclinedByPayer => Problem::new(Code::PaymentDeclined).detail(format!(
            "PayPal answered {code}. The crons try again while the authorization lives, and the \
             customer can pay again."
        )),
        Meaning::Ended => Problem::new(Code::AuthorizationEnded).detail(format!(
            "PayPal answered {code}. The customer can pay again."
        )),
        Meaning::Ours => {
            Problem::new(Code::PaymentProviderRefused).detail(format!("PayPal answered {code}."))
        }
        _ => Problem::new(Code::PaymentProviderUnavailable)
            .detail("It is tried again by the cron; it cannot be captured twice.")
            .retry_after(30),
    }
}

impl From<ReauthorizeError> for Problem {
    fn from(error: ReauthorizeError) -> Self {
        match error {
            ReauthorizeError::Database(error) => error.into(),
            ReauthorizeError::PayPal { error, .. } => {
                let detail = error
                    .issue()
                    .map(|issue| format!("PayPal answered {}.", issue.code()));
                let problem = Self::from(error);
                match detail {
                    Some(detail) => problem.detail(detail),
                    None => problem,
                }
            }
            ReauthorizeError::Refused(refusal) => refusal.into(),
            ReauthorizeError::ClaimLost => Self::new(Code::PaymentInProgress).retry_after(5),
        }
    }
}

impl From<RefundRefusal> for Problem {
    fn from(refusal: RefundRefusal) -> Self {
        match refusal {
            RefundRefusal::BookingNotFound => Self::new(Code::BookingNotFound),
            RefundRefusal::NotCaptured => {
                Self::new(Code::RefundNotPossible).detail("Nothing was captured for this booking.")
            }
            RefundRefusal::CapturePending => Self::new(Code::RefundNotPossible)
                .detail("PayPal reviews the capture. Refund it when PayPal has decided."),
            RefundRefusal::CurrencyMismatch { currency } => Self::field(
                Code::InvalidFields,
                "/currency",
                Refusal::new("currency_mismatch", "must be the payment's currency"),
            )
            .member("currency", json!(currency)),
            RefundRefusal::RefundWindowOver {
                rest,
                currency,
                refundable_until,
            } => Self::new(Code::RefundWindowOver)
                .detail("PayPal refunds for 180 days. Give the money back in another way.")
                .member("rest", json!(rest))
                .member("currency", json!(currency))
                .member("refundableUntil", json!(refundable_until)),
            RefundRefusal::RefundExceedsRest { rest, currency } => {
                Self::new(Code::RefundNotPossible)
                    .detail("More than is left of what was captured.")
                    .member("rest", json!(rest))
                    .member("currency", json!(currency))
            }
            RefundRefusal::IdempotencyKeyReused => Self::new(Code::IdempotencyKeyReused)
                .detail("Use a new Idempotency-Key for another refund."),
        }
    }
}

fn not_authorized(error: PayPalError) -> Problem {
    let problem = match (error.issue(), error.meaning()) {
        (Some(Issue::OrderNotApproved | Issue::PayerActionRequired), _) => {
            Problem::new(Code::OrderNotApproved)
                .detail("Send the payer to approveUrl, then repeat this request.")
        }
        (Some(Issue::InstrumentDeclined), _) => Problem::new(Code::PaymentDeclined)
            .detail("Send the payer to approveUrl to choose another way to pay."),
        (_, Meaning::DeclinedByPayer) => Problem::new(Code::PaymentDeclined)
            .detail("The payer must choose another way to pay. Make a new order."),
        _ => return error.into(),
    };
    problem.because(error)
}
