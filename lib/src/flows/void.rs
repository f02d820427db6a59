//! Giving an authorization back to the payer.

use super::observe;
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::DatabaseError,
    },
    platform::Deadline,
};
use uuid::Uuid;

/// Leftovers worked off in one run of the cron.
const MOST: u32 = 50;

/// Why an authorization is not void yet. The database remembers that it has to be.
#[derive(Debug, thiserror::Error)]
pub enum VoidError {
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal refused or gave no answer.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
}

impl From<observe::ObserveError> for VoidError {
    fn from(error: observe::ObserveError) -> Self {
        match error {
            observe::ObserveError::Database(error) => Self::Database(error),
            observe::ObserveError::PayPal(error) => Self::PayPal(error),
        }
    }
}

/// Voids `authorization_id`. The mark and the request id are stored first, so that a crash leaves a trace to follow.
pub async fn void(
    app: &App,
    deadline: Deadline,
    payment: Uuid,
    authorization_id: &str,
    reason: &str,
) -> Result<(), VoidError> {
    let database = app.database(deadline);
    let start = database
        .begin_void(payment, authorization_id, reason)
        .await?;
    let Some(request_id) = start.request_id else {
        return Ok(());
    };
    match app
        .paypal(deadline)
        .void_authorization(&request_id, authorization_id)
        .await
    {
        Ok(()) => Ok(database.record_void(payment, &request_id).await?),
        Err(error) => {
            database
                .record_payment_failure(payment, &request_id, error.code(), error.issue().is_some())
                .await?;
            if error.issue() == Some(&Issue::PreviouslyCaptured) {
                // The money was taken: recording that orders it back.
                observe::capture_of(app, deadline, payment).await?;
            }
            Err(error.into())
        }
    }
}

/// Voids what should be void and is not, because whoever began it did not come to the end.
pub async fn void_leftovers(app: &App, deadline: Deadline) -> Result<(), DatabaseError> {
    for leftover in app.database(deadline).authorizations_to_void(MOST).await? {
        let result = void(
            app,
            deadline,
            leftover.payment_id,
            &leftover.authorization_id,
            &leftover.reason,
        )
        .await;
        match result {
            Ok(()) => {}
            Err(VoidError::Database(error)) => return Err(error),
            Err(error) => {
                log::error!(
                    "payment={} could not be voided: {error}",
                    leftover.payment_id
                );
            }
        }
    }
    Ok(())
}
