//! Authorization: PayPal holds the payer's funds, and the booking is confirmed.
//!
//! 1. The database claims the payment, keeps the days and stores the request id. If the hold is
//!    over, PayPal is asked first: only an approved order can still hold the days.
//! 2. PayPal authorizes. If its response is lost, the order shows the outcome.
//! 3. The authorization is compared with the price. The database compares too, and confirms the
//!    booking. If PayPal reviews the authorization, the days are held until it has decided.
//! 4. An authorization is voided if its amount is wrong, its booking was canceled or is paid, or
//!    another booking has the days.
//!
//! After a crash between two steps, the next request for the order resumes with the same request
//! id. If nothing may be authorized any more, it only reads the order. An authorization that PayPal
//! shows is then recorded and voided.

mod attempt;

use self::attempt::{AttemptFailure, authorize_at_paypal, failure_after_look};
use super::{UpstreamError, void::void_authorization};
use crate::{
    app::App,
    clients::{
        paypal::PayPalError,
        supabase::{
            AuthorizationClaim, AuthorizationRecord, AuthorizationRefusal, AuthorizationStart,
            CarIdentity, ConfirmedBooking, DatabaseError, DoubtfulAttempt, OrderSight,
            PendingBooking, ReviewedAuthorization, VoidReason,
        },
    },
    domain::{
        money::Money,
        observation::{Authorization, AuthorizationStatus, Observation, OrderStatus},
        payment::{Verdict, judge_authorization},
    },
    flows::cache::invalidate::invalidate_days,
    platform::Deadline,
};
use futures_util::future::join;
use jiff::SignedDuration;
use uuid::Uuid;

/// The attempts of one request. Before each but the first, the order is read.
const ROUNDS: u32 = 4;
/// The age at which an attempt that PayPal does not show has failed. PayPal may show an order as it
/// was a minute ago.
const DOUBT: SignedDuration = SignedDuration::from_mins(5);

/// A booking whose order PayPal has authorized.
#[derive(Debug)]
pub(crate) enum AuthorizedBooking {
    Confirmed(ConfirmedBooking),
    /// PayPal reviews the authorization.
    Pending(PendingBooking),
}

/// The reason that a booking is not confirmed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizeError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal refused or gave no response.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// PayPal was not asked to authorize.
    #[error("refused: {0:?}")]
    Refused(AuthorizationRefusal),
    /// PayPal authorized, and then the authorization was voided.
    #[error("voided: {0:?}")]
    Voided(VoidReason),
}

impl From<UpstreamError> for AuthorizeError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Database(error) => Self::Database(error),
            UpstreamError::PayPal(error) => Self::PayPal(error),
        }
    }
}

/// The state of the order at PayPal.
enum Sight {
    Approved,
    Authorized(Authorization),
}

impl Sight {
    fn name(&self) -> OrderSight {
        match self {
            Self::Approved => OrderSight::Approved,
            Self::Authorized(_) => OrderSight::Authorized,
        }
    }
}

/// Authorizes the approved order `order_id` and confirms its booking.
pub(crate) async fn authorize(
    app: &App,
    deadline: Deadline,
    order_id: &str,
) -> Result<AuthorizedBooking, AuthorizeError> {
    let mut sight = None;
    for _ in 0..ROUNDS {
        let name = sight.as_ref().map(Sight::name);
        let database = app.database(deadline);
        match database.begin_authorization(order_id, name).await? {
            AuthorizationStart::AlreadyAuthorized(booking) => {
                return Ok(AuthorizedBooking::Confirmed(booking));
            }
            AuthorizationStart::Pending(review) => {
                return finish_review(app, deadline, review).await;
            }
            AuthorizationStart::Authorize(claim) => {
                // An authorization that PayPal has already is confirmed without a hold, so the days
                // change only then.
                let is_late = matches!(sight, Some(Sight::Authorized(_)));
                // Needed after a failure too: the hold was extended or revived.
                let invalidation = invalidate_days(app, [claim.car.clone()]);
                let confirmation = confirm(app, deadline, &claim, order_id, sight);
                let confirmed = join(invalidation, confirmation).await.1;
                if is_late {
                    invalidate_days(app, [claim.car.clone()]).await;
                }
                return confirmed;
            }
            AuthorizationStart::ApprovalUnknown => {
                sight = Some(look_for_approval(app, deadline, order_id).await?);
            }
            AuthorizationStart::Look(attempt) => {
                let outcome = settle_doubt(app, deadline, &attempt).await?;
                let is_own = attempt.order_id == order_id;
                let is_revivable = attempt.refusal == AuthorizationRefusal::HoldExpired;
                match outcome {
                    DoubtOutcome::Authorized(booking) => return Ok(booking),
                    DoubtOutcome::Approved | DoubtOutcome::ApprovedInDoubt
                        if is_own && is_revivable && sight.is_none() =>
                    {
                        sight = Some(Sight::Approved);
                    }
                    DoubtOutcome::Approved | DoubtOutcome::Ended if !is_own => {}
                    _ => return Err(AuthorizeError::Refused(attempt.refusal)),
                }
            }
            AuthorizationStart::Refused(refusal) => return Err(AuthorizeError::Refused(refusal)),
        }
    }
    Err(AuthorizeError::Refused(
        AuthorizationRefusal::PaymentInProgress,
    ))
}

/// Asks PayPal whether the payer approved an order whose hold is over.
async fn look_for_approval(
    app: &App,
    deadline: Deadline,
    order_id: &str,
) -> Result<Sight, AuthorizeError> {
    let over = AuthorizeError::Refused(AuthorizationRefusal::HoldExpired);
    let seen = match app.paypal(deadline).get_order(order_id).await {
        Ok(seen) => seen,
        Err(error) if error.is_missing() => {
            // PayPal forgets an order that nobody approved.
            let database = app.database(deadline);
            database.end_paypal_order(order_id, error.code()).await?;
            return Err(over);
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(authorization) = seen.standing_authorization() {
        return Ok(Sight::Authorized(authorization.clone()));
    }
    match order_status(&seen) {
        OrderStatus::Approved => Ok(Sight::Approved),
        OrderStatus::Voided | OrderStatus::Missing => {
            let database = app.database(deadline);
            database.end_paypal_order(order_id, "voided").await?;
            Err(over)
        }
        OrderStatus::Created | OrderStatus::Saved | OrderStatus::PayerActionRequired => Err(over),
        OrderStatus::Completed | OrderStatus::Unknown => {
            Err(AuthorizeError::PayPal(PayPalError::Unknown {
                operation: "get_order",
            }))
        }
    }
}

fn order_status(seen: &Observation) -> OrderStatus {
    seen.orders
        .first()
        .map_or(OrderStatus::Unknown, |order| order.status)
}

/// The end of an attempt whose outcome was unknown.
enum DoubtOutcome {
    /// PayPal had authorized.
    Authorized(AuthorizedBooking),
    /// PayPal has not authorized, and the order is approved.
    Approved,
    /// As before, but PayPal may still be working on the attempt.
    ApprovedInDoubt,
    /// PayPal has not authorized.
    Ended,
    /// PayPal shows no authorization, but may still be working on the attempt.
    InDoubt,
}

/// Looks up an attempt that may not be repeated, and records an authorization that PayPal shows.
async fn settle_doubt(
    app: &App,
    deadline: Deadline,
    attempt: &DoubtfulAttempt,
) -> Result<DoubtOutcome, AuthorizeError> {
    let claim = &attempt.claim;
    let database = app.database(deadline);
    invalidate_days(app, [claim.car.clone()]).await;
    let seen = match app.paypal(deadline).get_order(&attempt.order_id).await {
        Err(error) if error.is_missing() => Observation::default(),
        Err(error) => {
            database
                .record_payment_failure(
                    claim.payment_id,
                    &claim.request_id,
                    error.code(),
                    "unknown",
                )
                .await?;
            return Err(error.into());
        }
        Ok(seen) => seen,
    };
    if let Some(authorization) = seen.standing_authorization() {
        let booking = finish(app, deadline, &Claim::from(claim), authorization).await;
        // A hold that was over is confirmed while its days are free.
        invalidate_days(app, [claim.car.clone()]).await;
        return booking.map(DoubtOutcome::Authorized);
    }
    let age = app.platform().now().duration_since(attempt.started_at);
    let kind = if attempt::has_only_ended(&seen) {
        "ended"
    } else if age >= DOUBT {
        "retryable"
    } else {
        "unknown"
    };
    database
        .record_payment_failure(claim.payment_id, &claim.request_id, "not_authorized", kind)
        .await?;
    let is_approved = order_status(&seen) == OrderStatus::Approved;
    Ok(match (kind, is_approved) {
        ("ended", _) | ("retryable", false) => DoubtOutcome::Ended,
        ("retryable", true) => DoubtOutcome::Approved,
        (_, true) => DoubtOutcome::ApprovedInDoubt,
        (_, false) => DoubtOutcome::InDoubt,
    })
}

/// Asks PayPal whether it has decided about an authorization that it reviewed.
async fn finish_review(
    app: &App,
    deadline: Deadline,
    review: ReviewedAuthorization,
) -> Result<AuthorizedBooking, AuthorizeError> {
    let id = &review.booking.authorization_id;
    let authorization = match app.paypal(deadline).get_authorization(id).await {
        Ok(authorization) => authorization,
        Err(error) => {
            // The comparison asks again.
            log::warn!("payment={} under review: {error}", review.payment_id);
            return Ok(AuthorizedBooking::Pending(review.booking));
        }
    };
    let is_decided = matches!(
        authorization.status,
        AuthorizationStatus::Created
            | AuthorizationStatus::Captured
            | AuthorizationStatus::PartiallyCaptured
            | AuthorizationStatus::Denied
    );
    match review.request_id {
        Some(request_id) if is_decided => {
            let claim = Claim {
                payment_id: review.payment_id,
                price: review.price,
                request_id: &request_id,
                car: &review.car,
            };
            let booking = finish(app, deadline, &claim, &authorization).await;
            invalidate_days(app, [claim.car.clone()]).await;
            booking
        }
        _ => Ok(AuthorizedBooking::Pending(review.booking)),
    }
}

/// The claim under which an authorization is recorded.
struct Claim<'a> {
    payment_id: Uuid,
    price: Money,
    request_id: &'a str,
    car: &'a CarIdentity,
}

impl<'a> From<&'a AuthorizationClaim> for Claim<'a> {
    fn from(claim: &'a AuthorizationClaim) -> Self {
        Self {
            payment_id: claim.payment_id,
            price: claim.price,
            request_id: &claim.request_id,
            car: &claim.car,
        }
    }
}

async fn confirm(
    app: &App,
    deadline: Deadline,
    claim: &AuthorizationClaim,
    order_id: &str,
    sight: Option<Sight>,
) -> Result<AuthorizedBooking, AuthorizeError> {
    let result = match sight {
        Some(Sight::Authorized(authorization)) => Ok(authorization),
        Some(Sight::Approved) => authorize_at_paypal(app, deadline, claim, order_id, false).await,
        None => authorize_at_paypal(app, deadline, claim, order_id, claim.resumed).await,
    };
    match result {
        Ok(authorization) => finish(app, deadline, &Claim::from(claim), &authorization).await,
        Err(AttemptFailure { error, kind }) => {
            // If the outcome is unknown, the request id stays in use, and the next attempt first
            // looks at the order.
            app.database(deadline)
                .record_payment_failure(claim.payment_id, &claim.request_id, error.code(), kind)
                .await?;
            Err(failure_after_look(error, kind))
        }
    }
}

/// Records an authorization and confirms the booking, or voids the authorization.
async fn finish(
    app: &App,
    deadline: Deadline,
    claim: &Claim<'_>,
    authorization: &Authorization,
) -> Result<AuthorizedBooking, AuthorizeError> {
    // An authorization that gets voided is recorded too: held funds must never be unknown.
    let verdict = judge_authorization(claim.price, authorization.money);
    let record = app
        .database(deadline)
        .record_authorization(claim.payment_id, claim.request_id, authorization)
        .await?;
    let reason = match (verdict, record) {
        (_, AuthorizationRecord::Denied) => {
            return Err(AuthorizeError::PayPal(PayPalError::Denied {
                operation: "authorize_order",
            }));
        }
        (Verdict::Confirm, AuthorizationRecord::Confirmed(booking)) => {
            return Ok(AuthorizedBooking::Confirmed(booking));
        }
        (Verdict::Confirm, AuthorizationRecord::Pending(booking)) => {
            return Ok(AuthorizedBooking::Pending(booking));
        }
        (Verdict::Confirm, AuthorizationRecord::Refused(reason)) => reason,
        (Verdict::Void, _) => VoidReason::PaymentMismatch,
    };
    let (payment_id, id) = (claim.payment_id, &authorization.id);
    void_authorization(app, deadline, payment_id, id, reason.name()).await?;
    Err(AuthorizeError::Voided(reason))
}
