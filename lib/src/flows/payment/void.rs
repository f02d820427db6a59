//! Voids: PayPal releases the payer's funds.

use super::{UpstreamError, capture_of::record_capture_of};
use crate::{
    app::App,
    clients::{
        paypal::Issue,
        supabase::{DatabaseError, VoidStart},
    },
    platform::Deadline,
};
use uuid::Uuid;

/// The most authorizations that one run of the cron voids.
const LIMIT: u32 = 50;

/// Voids `authorization_id`.
///
/// The database first marks the payment and stores the request id. After a crash the cron finds
/// the mark.
pub(crate) async fn void_authorization(
    app: &App,
    deadline: Deadline,
    payment_id: Uuid,
    authorization_id: &str,
    reason: &str,
) -> Result<(), UpstreamError> {
    let database = app.database(deadline);
    let start = database
        .begin_void(payment_id, authorization_id, reason)
        .await?;
    let request_id = match start {
        VoidStart::Void { request_id } => request_id,
        VoidStart::AlreadyVoided | VoidStart::NotVoidable => return Ok(()),
    };
    match app
        .paypal(deadline)
        .void_authorization(&request_id, authorization_id)
        .await
    {
        Ok(()) => Ok(database.record_void(payment_id, &request_id).await?),
        Err(error) => {
            database
                .record_payment_failure(
                    payment_id,
                    &request_id,
                    error.code(),
                    error.meaning().failure_kind().unwrap_or("unknown"),
                )
                .await?;
            if error.issue() == Some(&Issue::PreviouslyCaptured) {
                // The record of the capture orders a refund.
                record_capture_of(app, deadline, payment_id).await?;
            }
            Err(error.into())
        }
    }
}

/// Voids the authorizations whose void was not started or not finished.
pub(crate) async fn void_due_authorizations(
    app: &App,
    deadline: Deadline,
) -> Result<(), DatabaseError> {
    for due in app.database(deadline).authorizations_to_void(LIMIT).await? {
        let payment_id = due.payment_id;
        let result = void_authorization(
            app,
            deadline,
            payment_id,
            &due.authorization_id,
            &due.reason,
        )
        .await;
        match result {
            Ok(()) => {}
            Err(UpstreamError::Database(error)) => return Err(error),
            Err(error) => log::error!("payment={payment_id} could not be voided: {error}"),
        }
    }
    Ok(())
}
