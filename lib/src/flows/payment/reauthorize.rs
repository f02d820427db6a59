//! Reauthorization: PayPal honors the funds for another three days.

use crate::{
    app::App,
    clients::{
        paypal::PayPalError,
        supabase::{
            ClaimRefusal, DatabaseError, ReauthorizationClaim, ReauthorizationFailure,
            ReauthorizationRecord, ReauthorizationStart,
        },
    },
    domain::paypal_meaning::Meaning,
    platform::Deadline,
};
use uuid::Uuid;

/// The reason that there is no new authorization.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReauthorizeError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal refused or gave no response.
    #[error("{error}")]
    PayPal {
        error: PayPalError,
        /// Whether the old authorization is to be captured.
        capture_old: bool,
    },
    /// No request went to PayPal.
    #[error("refused: {0:?}")]
    Refused(ClaimRefusal),
    /// Another run has claimed the payment. Its retry gets the same authorization.
    #[error("another run has the payment")]
    ClaimLost,
}

/// Reauthorizes the claimed payment, and returns the id of the new authorization.
pub(crate) async fn reauthorize(
    app: &App,
    deadline: Deadline,
    claim: &ReauthorizationClaim,
) -> Result<String, ReauthorizeError> {
    let database = app.database(deadline);
    match app
        .paypal(deadline)
        .reauthorize(
            &claim.request_id,
            &claim.original_authorization_id,
            claim.money,
        )
        .await
    {
        Ok(authorization) => {
            let record = database
                .record_reauthorization(claim, &authorization)
                .await?;
            match record {
                ReauthorizationRecord::Recorded => Ok(authorization.id),
                ReauthorizationRecord::ClaimLost => Err(ReauthorizeError::ClaimLost),
            }
        }
        Err(error) => {
            // PayPal would refuse our account again, so the next capture is of the old
            // authorization.
            let kind = match error.meaning() {
                Meaning::Ours => "declined",
                meaning => meaning.failure_kind().unwrap_or("unknown"),
            };
            let failure = database
                .record_reauthorization_failure(claim, error.code(), kind)
                .await?;
            let capture_old = failure == ReauthorizationFailure::CaptureOld;
            Err(ReauthorizeError::PayPal { error, capture_old })
        }
    }
}

/// Reauthorizes the payment of a booking for an operator, and returns the id of the new
/// authorization.
pub(crate) async fn reauthorize_now(
    app: &App,
    deadline: Deadline,
    booking_id: Uuid,
    actor: &str,
    request_id: &str,
) -> Result<String, ReauthorizeError> {
    let database = app.database(deadline);
    let start = database
        .claim_reauthorization(booking_id, actor, request_id)
        .await?;
    let claim = match start {
        ReauthorizationStart::Claimed(claim) => claim,
        ReauthorizationStart::Refused(refusal) => return Err(ReauthorizeError::Refused(refusal)),
    };
    let result = reauthorize(app, deadline, &claim).await;
    database.release_payment(&claim).await?;
    result
}
