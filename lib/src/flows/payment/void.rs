//! Giving an authorization back to the payer.

use super::{UpstreamError, capture_of::record_capture_of};
use crate::{
    app::App,
    clients::{paypal::Issue, supabase::DatabaseError},
    platform::Deadline,
};
use uuid::Uuid;

/// Leftovers worked off in one run of the cron.
const MOST: u32 = 50;

/// Voids `authorization_id`. The mark and the request id are stored first, so that a crash leaves a
/// trace to follow.
pub async fn void(
    app: &App,
    deadline: Deadline,
    payment: Uuid,
    authorization_id: &str,
    reason: &str,
) -> Result<(), UpstreamError> {
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
                record_capture_of(app, deadline, payment).await?;
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
            Err(UpstreamError::Database(error)) => return Err(error),
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
