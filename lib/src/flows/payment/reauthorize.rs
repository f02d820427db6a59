//! Renewing an authorization: the three days for which PayPal honours its funds begin anew.

use crate::{
    app::App,
    clients::{
        paypal::PayPalError,
        supabase::{ClaimOutcome, DatabaseError, Renewal},
    },
    domain::money::Money,
    platform::Deadline,
};
use uuid::Uuid;

/// Why an authorization is not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal refused or gave no answer.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// Nothing was asked of PayPal.
    #[error("refused: {0:?}")]
    Refused(ClaimOutcome),
    /// Another run has the payment by now; a repeat gives it the same authorization.
    #[error("another run has the payment")]
    LeaseLost,
}

/// Renews what `renewal` claims, and gives the id that takes the old one's place.
pub async fn renew(app: &App, deadline: Deadline, renewal: &Renewal) -> Result<String, RenewError> {
    let database = app.database(deadline);
    let money = Money {
        amount: renewal.amount,
        currency: renewal.currency,
    };
    match app
        .paypal(deadline)
        .reauthorize(&renewal.request_id, &renewal.authorization_id, money)
        .await
    {
        Ok(authorization) => {
            let is_recorded = database
                .record_reauthorization(renewal, &authorization)
                .await?;
            is_recorded
                .then_some(authorization.id)
                .ok_or(RenewError::LeaseLost)
        }
        Err(error) => {
            database
                .record_payment_failure(
                    renewal.payment_id,
                    &renewal.request_id,
                    error.code(),
                    error.issue().is_some(),
                )
                .await?;
            Err(error.into())
        }
    }
}

/// Renews the authorization of `booking` because an operator wants it, and gives the new id.
pub async fn renew_now(
    app: &App,
    deadline: Deadline,
    booking: Uuid,
    actor: &str,
    request_id: &str,
) -> Result<String, RenewError> {
    let database = app.database(deadline);
    let claimed = database
        .claim_reauthorization(booking, actor, request_id)
        .await?;
    let (ClaimOutcome::Claimed, Some(renewal)) = (claimed.outcome, claimed.renewal) else {
        return Err(RenewError::Refused(claimed.outcome));
    };
    let renewed = renew(app, deadline, &renewal).await;
    database.release_payment(&renewal).await?;
    renewed
}
