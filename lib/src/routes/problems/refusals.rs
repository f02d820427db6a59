//! Problems for the refusals of flows.

use super::{Code, Problem};
use crate::{
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{
            AuthorizeOutcome, CancelOutcome, ClaimOutcome, CreateOutcome, CreatedBooking,
            OpenOutcome, RecordOutcome, RefundOutcome, RefundState,
        },
    },
    domain::{
        money::{Amount, Currency},
        payment::CallFailure,
        refusal::Refusal,
    },
    flows::{
        booking::{cancel::CancelError, hold::HoldError, lock::LockTimeout, order::OrderError},
        payment::{authorize::AuthorizeError, capture::CaptureError, reauthorize::RenewError},
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
            HoldError::Refused(refused) => not_held(&refused),
        }
    }
}

fn not_held(refused: &CreatedBooking) -> Problem {
    let start = |code, detail| {
        Problem::field(
            Code::RentalNotAllowed,
            "/startDate",
            Refusal::new(code, detail),
        )
    };
    let end = |code, detail| {
        Problem::field(
            Code::RentalNotAllowed,
            "/endDate",
            Refusal::new(code, detail),
        )
    };
    match refused.outcome {
        CreateOutcome::IdempotencyKeyReused => Problem::new(Code::IdempotencyKeyReused)
            .detail("Use a new Idempotency-Key for another booking."),
        CreateOutcome::BookingMismatch => mismatch(),
        CreateOutcome::CarNotFound => Problem::new(Code::CarNotFound),
        CreateOutcome::InThePast => {
            start("in_the_past", "must not have passed where the car stands")
        }
        CreateOutcome::TooFarAhead => start("too_far_ahead", "must be at most a year ahead"),
        CreateOutcome::TooShort => end(
            "too_short",
            "makes the rental shorter than this car's shortest",
        ),
        CreateOutcome::TooLong => end(
            "too_long",
            "makes the rental longer than this car's longest",
        ),
        CreateOutcome::NotPriced => start("not_priced", "has no price for this car"),
        CreateOutcome::PriceMismatch => wrong_price(refused.server_price, refused.currency),
        CreateOutcome::DatesUnavailable => {
            unavailable().member("unavailableDates", json!(refused.unavailable_dates))
        }
        // Both come with a booking; one without it is a broken promise of the database.
        CreateOutcome::Created | CreateOutcome::Replayed => Problem::new(Code::Internal),
    }
}

fn wrong_price(server_price: Option<Amount>, currency: Option<Currency>) -> Problem {
    Problem::new(Code::PriceMismatch)
        .detail("Show the customer the price in serverPrice, or leave totalPrice out.")
        .member("serverPrice", json!(server_price))
        .member("currency", json!(currency))
}

fn unavailable() -> Problem {
    Problem::new(Code::DatesUnavailable).detail("Choose other days; see /api/cars/availability.")
}

fn mismatch() -> Problem {
    Problem::new(Code::BookingMismatch)
        .detail("carId, startDate and endDate must be those of the booking.")
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Database(error) => error.into(),
            OrderError::PayPal(error) => error.into(),
            OrderError::Incomplete => Self::new(Code::Internal).because(error),
            OrderError::Refused(refused) => match refused.outcome {
                OpenOutcome::BookingNotFound => Self::new(Code::BookingNotFound),
                OpenOutcome::BookingMismatch => mismatch(),
                OpenOutcome::PriceMismatch => wrong_price(refused.server_price, refused.currency),
                OpenOutcome::DatesUnavailable => unavailable(),
                OpenOutcome::BookingNotPayable => Self::new(Code::BookingNotPayable),
                OpenOutcome::AlreadyPaid => Self::new(Code::AlreadyPaid),
                OpenOutcome::CreateOrder | OpenOutcome::OrderExists => Self::new(Code::Internal),
            },
        }
    }
}

impl From<AuthorizeError> for Problem {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::Database(error) => error.into(),
            AuthorizeError::PayPal(error) => not_authorized(error),
            AuthorizeError::Incomplete => Self::new(Code::Internal).because(error),
            AuthorizeError::Refused(outcome) => match outcome {
                AuthorizeOutcome::OrderNotFound => Self::new(Code::OrderNotFound),
                AuthorizeOutcome::DatesUnavailable => unavailable()
                    .detail("The hold lapsed and the days are taken. Nothing was charged."),
                AuthorizeOutcome::BookingNotPayable => Self::new(Code::BookingNotPayable),
                AuthorizeOutcome::PaymentInProgress => {
                    Self::new(Code::PaymentInProgress).retry_after(2)
                }
                AuthorizeOutcome::Authorize | AuthorizeOutcome::AlreadyAuthorized => {
                    Self::new(Code::Internal)
                }
            },
            AuthorizeError::Voided(RecordOutcome::PaymentMismatch) => {
                Self::new(Code::PaymentMismatch)
                    .detail("The authorization was voided; make a new order.")
            }
            AuthorizeError::Voided(RecordOutcome::BookingNotPayable) => {
                Self::new(Code::BookingNotPayable).detail("The authorization was voided.")
            }
            AuthorizeError::Voided(_) => {
                unavailable().detail("The days are taken. The authorization was voided.")
            }
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Database(error) => error.into(),
            CancelError::Refused(outcome) => match outcome {
                CancelOutcome::BookingNotFound => Self::new(Code::BookingNotFound),
                CancelOutcome::BookingNotCancellable => {
                    Self::new(Code::BookingNotCancellable).detail("From the first day on, call us.")
                }
                CancelOutcome::PaymentInProgress => {
                    Self::new(Code::PaymentInProgress).retry_after(5)
                }
                CancelOutcome::AlreadyCaptured => Self::new(Code::AlreadyCaptured)
                    .detail("Refund it, or cancel the booking, which refunds it."),
                CancelOutcome::Cancelled | CancelOutcome::AlreadyCancelled => {
                    Self::new(Code::Internal)
                }
            },
        }
    }
}

fn unclaimed(outcome: ClaimOutcome) -> Problem {
    match outcome {
        ClaimOutcome::BookingNotFound => Problem::new(Code::BookingNotFound),
        ClaimOutcome::AlreadyCaptured => Problem::new(Code::AlreadyCaptured),
        ClaimOutcome::PaymentInProgress => Problem::new(Code::PaymentInProgress).retry_after(5),
        ClaimOutcome::NotCapturable | ClaimOutcome::NotAuthorized => {
            Problem::new(Code::PaymentNotCapturable)
        }
        ClaimOutcome::Claimed => Problem::new(Code::Internal),
    }
}

impl From<CaptureError> for Problem {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::Database(error) => error.into(),
            CaptureError::Refused(outcome) => unclaimed(outcome),
            CaptureError::NotCaptured(failed) if failed.kind == CallFailure::Final => {
                Self::new(Code::PaymentProviderRefused)
                    .detail(format!("PayPal answered {}.", failed.code))
            }
            CaptureError::NotCaptured(_) => Self::new(Code::PaymentProviderUnavailable)
                .detail("It is tried again by the cron; it cannot be captured twice.")
                .retry_after(30),
        }
    }
}

impl From<RenewError> for Problem {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::Database(error) => error.into(),
            RenewError::PayPal(error) => {
                let detail = error
                    .issue()
                    .map(|issue| format!("PayPal answered {}.", issue.code()));
                let problem = Self::from(error);
                match detail {
                    Some(detail) => problem.detail(detail),
                    None => problem,
                }
            }
            RenewError::Refused(outcome) => unclaimed(outcome),
            RenewError::LeaseLost => Self::new(Code::PaymentInProgress).retry_after(5),
        }
    }
}

/// Why a refund was not ordered.
pub(in crate::routes) fn not_refunded(refused: &RefundState) -> Problem {
    match refused.outcome {
        RefundOutcome::BookingNotFound => Problem::new(Code::BookingNotFound),
        RefundOutcome::NotCaptured => {
            Problem::new(Code::RefundNotPossible).detail("Nothing was captured for this booking.")
        }
        RefundOutcome::RefundExceedsRest => Problem::new(Code::RefundNotPossible)
            .detail("More than is left of what was captured.")
            .member("rest", json!(refused.rest))
            .member("currency", json!(refused.currency)),
        RefundOutcome::IdempotencyKeyReused => Problem::new(Code::IdempotencyKeyReused)
            .detail("Use a new Idempotency-Key for another refund."),
        _ => Problem::new(Code::Internal),
    }
}

fn not_authorized(error: PayPalError) -> Problem {
    let problem = match error.issue() {
        Some(Issue::OrderNotApproved | Issue::PayerActionRequired) => {
            Problem::new(Code::OrderNotApproved)
                .detail("Send the payer to approveUrl, then repeat this request.")
        }
        Some(Issue::OrderExpired | Issue::OrderCompletedOrVoided | Issue::InvalidResourceId) => {
            Problem::new(Code::OrderNotApproved).detail("The order is over; make a new one.")
        }
        Some(
            Issue::InstrumentDeclined
            | Issue::PayerCannotPay
            | Issue::TransactionRefused
            | Issue::MaxAuthorizationCountExceeded,
        ) => {
            Problem::new(Code::PaymentDeclined).detail("The payer must choose another way to pay.")
        }
        _ => return error.into(),
    };
    problem.because(error)
}
