//! Authorization: PayPal holds the payer's funds, and the booking is confirmed.
//!
//! 1. The database claims the payment, keeps the days and stores the request id.
//! 2. PayPal authorizes. If its response is lost, the order shows the outcome.
//! 3. The authorization is compared with the price. The database compares too, and confirms the
//!    booking.
//! 4. An authorization is voided if its amount is wrong, its booking was canceled, or another
//!    booking has the days.
//!
//! After a crash between two steps, the next request for the order resumes with the same request
//! id.

use super::{UpstreamError, void::void_authorization};
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{
            AuthorizationClaim, AuthorizationRecord, AuthorizationRefusal, AuthorizationStart,
            ConfirmedBooking, DatabaseError, VoidReason,
        },
    },
    domain::{
        observation::Authorization,
        payment::{Verdict, judge_authorization},
    },
    flows::cache::invalidate::invalidate_days,
    platform::Deadline,
};
use futures_util::future::join;

/// The reason that a booking is not confirmed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizeError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal refused or gave no response.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// No request went to PayPal.
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

/// Authorizes the approved order `order_id` and confirms its booking.
pub(crate) async fn authorize(
    app: &App,
    deadline: Deadline,
    order_id: &str,
) -> Result<ConfirmedBooking, AuthorizeError> {
    match app.database(deadline).begin_authorization(order_id).await? {
        AuthorizationStart::AlreadyAuthorized(booking) => Ok(booking),
        AuthorizationStart::Authorize(claim) => {
            // Needed after a failure too: the hold was extended or revived.
            let invalidation = invalidate_days(app, [claim.car.clone()]);
            let confirmation = confirm(app, deadline, &claim, order_id);
            join(invalidation, confirmation).await.1
        }
        AuthorizationStart::Refused(refusal) => Err(AuthorizeError::Refused(refusal)),
    }
}

async fn confirm(
    app: &App,
    deadline: Deadline,
    claim: &AuthorizationClaim,
    order_id: &str,
) -> Result<ConfirmedBooking, AuthorizeError> {
    let database = app.database(deadline);
    let authorization = match authorize_at_paypal(app, deadline, claim, order_id).await {
        Ok(authorization) => authorization,
        Err(error) => {
            // If the outcome is unknown, the request id stays in use, and the next attempt first
            // looks at the order.
            let is_final = error.issue().is_some() || matches!(error, PayPalError::Denied { .. });
            database
                .record_payment_failure(claim.payment_id, &claim.request_id, error.code(), is_final)
                .await?;
            return Err(error.into());
        }
    };
    // An authorization that gets voided is recorded too: held funds must never be unknown.
    let verdict = judge_authorization(claim.price, authorization.money);
    let record = database
        .record_authorization(claim.payment_id, &claim.request_id, &authorization)
        .await?;
    let reason = match (verdict, record) {
        (
            Verdict::Confirm,
            AuthorizationRecord::Confirmed {
                capture_scheduled_at,
            },
        ) => {
            return Ok(ConfirmedBooking {
                booking_id: claim.booking_id,
                authorization_id: authorization.id,
                capture_scheduled_at,
            });
        }
        (Verdict::Confirm, AuthorizationRecord::Refused(reason)) => reason,
        (Verdict::Void, _) => VoidReason::PaymentMismatch,
    };
    void_authorization(
        app,
        deadline,
        claim.payment_id,
        &authorization.id,
        reason.name(),
    )
    .await?;
    Err(AuthorizeError::Voided(reason))
}

/// Returns the order's authorization. Looks at the order first if an earlier attempt may have
/// authorized it.
async fn authorize_at_paypal(
    app: &App,
    deadline: Deadline,
    claim: &AuthorizationClaim,
    order_id: &str,
) -> Result<Authorization, PayPalError> {
    let paypal = app.paypal(deadline);
    if claim.resumed
        && let Some(authorization) = paypal.get_order(order_id).await?.standing_authorization()
    {
        return Ok(authorization.clone());
    }
    match paypal.authorize_order(&claim.request_id, order_id).await {
        Err(error)
            if error.leaves_doubt() || error.issue() == Some(&Issue::OrderAlreadyAuthorized) =>
        {
            // If the order shows an authorization, the customer does not need to try again.
            match paypal.get_order(order_id).await {
                Ok(seen) => seen.standing_authorization().cloned().ok_or(error),
                Err(_) => Err(error),
            }
        }
        result => result,
    }
}
