//! Holding the payer's money for a booking.
//!
//! 1. The database takes a lease on the payment, keeps the days, and stores the request id.
//! 2. PayPal authorizes, or tells what it did when an earlier answer was lost.
//! 3. What PayPal authorized is compared with the price; the database compares again and confirms
//!    the booking.
//! 4. What must not stand is voided: another amount, or days that went to somebody else.
//!
//! A crash between any two steps is mended by the next request for the same order: the request id
//! is the same.

use super::{UpstreamError, void::void};
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{AuthorizationStart, AuthorizeOutcome, DatabaseError, RecordOutcome},
    },
    domain::{
        money::Money,
        observation::SeenAuthorization,
        payment::{Verdict, judge_authorization},
    },
    flows::cache::invalidate::invalidate_days,
    platform::Deadline,
};
use futures_util::future::join;
use jiff::Timestamp;
use uuid::Uuid;

/// A booking whose money is held.
#[derive(Debug)]
pub struct Authorized {
    /// Our booking.
    pub booking: Uuid,
    /// PayPal's authorization.
    pub authorization_id: String,
    /// When the money will be taken.
    pub capture_scheduled_at: Option<Timestamp>,
}

/// Why no money is held.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal refused or gave no answer.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// Nothing was asked of PayPal.
    #[error("refused: {0:?}")]
    Refused(AuthorizeOutcome),
    /// PayPal authorized, and the authorization is void again.
    #[error("voided: {0:?}")]
    Voided(RecordOutcome),
    /// The database said yes and left out what is needed.
    #[error("begin_authorization left out a part of its answer")]
    Incomplete,
}

impl From<UpstreamError> for AuthorizeError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Database(error) => Self::Database(error),
            UpstreamError::PayPal(error) => Self::PayPal(error),
        }
    }
}

/// The payment under our lease.
struct Leased {
    payment: Uuid,
    booking: Uuid,
    price: Money,
    request_id: String,
    resumed: bool,
}

/// Holds the money of the approved order `order_id` and confirms its booking.
pub async fn authorize(
    app: &App,
    deadline: Deadline,
    order_id: &str,
) -> Result<Authorized, AuthorizeError> {
    let mut start = app.database(deadline).begin_authorization(order_id).await?;
    match start.outcome {
        AuthorizeOutcome::AlreadyAuthorized => done(start).ok_or(AuthorizeError::Incomplete),
        AuthorizeOutcome::Authorize => {
            let car = start.car.take();
            let leased = leased(start).ok_or(AuthorizeError::Incomplete)?;
            // Also when it fails: the hold was prolonged or revived.
            let invalidation = invalidate_days(app, car.map(Into::into));
            join(invalidation, proceed(app, deadline, &leased, order_id))
                .await
                .1
        }
        refused => Err(AuthorizeError::Refused(refused)),
    }
}

fn done(start: AuthorizationStart) -> Option<Authorized> {
    Some(Authorized {
        booking: start.booking_id?,
        authorization_id: start.authorization_id?,
        capture_scheduled_at: start.capture_scheduled_at,
    })
}

fn leased(start: AuthorizationStart) -> Option<Leased> {
    Some(Leased {
        payment: start.payment_id?,
        booking: start.booking_id?,
        price: Money {
            amount: start.amount?,
            currency: start.currency?,
        },
        request_id: start.request_id?,
        resumed: start.resumed,
    })
}

async fn proceed(
    app: &App,
    deadline: Deadline,
    leased: &Leased,
    order_id: &str,
) -> Result<Authorized, AuthorizeError> {
    let database = app.database(deadline);
    let authorization = match ask_paypal(app, deadline, leased, order_id).await {
        Ok(authorization) => authorization,
        Err(error) => {
            // With a doubt left the request id stays in use, and the next attempt asks before it
            // repeats.
            let is_final = error.issue().is_some() || matches!(error, PayPalError::Denied { .. });
            database
                .record_payment_failure(leased.payment, &leased.request_id, error.code(), is_final)
                .await?;
            return Err(error.into());
        }
    };
    // The database records every outcome, also the one we void: money that is held must never be
    // unknown.
    let verdict = judge_authorization(leased.price, authorization.money);
    let record = database
        .record_authorization(leased.payment, &leased.request_id, &authorization)
        .await?;
    let refused = match (verdict, record.outcome) {
        (Verdict::Confirm, RecordOutcome::Confirmed | RecordOutcome::Replayed) => {
            return Ok(Authorized {
                booking: leased.booking,
                authorization_id: authorization.id,
                capture_scheduled_at: record.capture_scheduled_at,
            });
        }
        (Verdict::Confirm, refused) => refused,
        (Verdict::Void, _) => RecordOutcome::PaymentMismatch,
    };
    void(
        app,
        deadline,
        leased.payment,
        &authorization.id,
        refused.name(),
    )
    .await?;
    Err(AuthorizeError::Voided(refused))
}

/// The authorization of the order, asked for if it may exist already, else made.
async fn ask_paypal(
    app: &App,
    deadline: Deadline,
    leased: &Leased,
    order_id: &str,
) -> Result<SeenAuthorization, PayPalError> {
    let paypal = app.paypal(deadline);
    if leased.resumed
        && let Some(authorization) = paypal.get_order(order_id).await?.standing_authorization()
    {
        return Ok(authorization.clone());
    }
    match paypal.authorize_order(&leased.request_id, order_id).await {
        Err(error)
            if error.leaves_doubt() || error.issue() == Some(&Issue::OrderAlreadyAuthorized) =>
        {
            // One look now may spare the customer a second try.
            match paypal.get_order(order_id).await {
                Ok(seen) => seen.standing_authorization().cloned().ok_or(error),
                Err(_) => Err(error),
            }
        }
        result => result,
    }
}
