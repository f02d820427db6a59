//! Voids: PayPal releases the payer's funds.

use super::{UpstreamError, capture_of::record_captures_of};
use crate::{
    app::App,
    clients::{paypal::Issue, supabase::VoidStart},
    domain::payment::retry_at,
    platform::Deadline,
};
use uuid::Uuid;

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
            let wait = error.wait();
            database
                .record_void_failure(
                    payment_id,
                    &request_id,
                    error.code(),
                    error.meaning().failure_kind().unwrap_or("unknown"),
                    wait.map(|wait| retry_at(app.platform().now(), 1, Some(wait))),
                )
                .await?;
            if error.issue() == Some(&Issue::PreviouslyCaptured) {
                // The record of the capture orders a refund.
                record_captures_of(app, deadline, payment_id).await?;
            }
            Err(error.into())
        }
    }
}
