//! The error of a step that needs both the database and PayPal.

use crate::clients::{paypal::PayPalError, supabase::DatabaseError};

/// The database or PayPal failed. The step may be retried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    PayPal(#[from] PayPalError),
}
