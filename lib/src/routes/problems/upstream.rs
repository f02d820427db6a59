//! Problems of failed calls to the database and to PayPal.

use super::{Code, Problem};
use crate::clients::{paypal::PayPalError, supabase::DatabaseError};

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        let (code, retry_after) = match error.reason() {
            DatabaseError::NotReached { .. } | DatabaseError::Unavailable { .. } => {
                (Code::DatabaseUnavailable, 5)
            }
            DatabaseError::Contended { .. } => (Code::BookingInProgress, 1),
            DatabaseError::Unexpected { .. }
            | DatabaseError::Undecodable { .. }
            | DatabaseError::Unaddressable { .. }
            | DatabaseError::Shared(_) => (Code::Internal, 5),
        };
        Self::new(code).retry_after(retry_after).because(error)
    }
}

impl From<PayPalError> for Problem {
    fn from(error: PayPalError) -> Self {
        let problem = match &error {
            PayPalError::NotSent { .. }
            | PayPalError::Unknown { .. }
            | PayPalError::InProgress { .. } => Self::new(Code::PaymentProviderUnavailable)
                .detail("PayPal did not answer. Retry the same request: it cannot charge twice.")
                .retry_after(5),
            PayPalError::RateLimited {
                retry_after_seconds,
                ..
            } => Self::new(Code::PaymentProviderUnavailable)
                .retry_after(retry_after_seconds.unwrap_or(30).into()),
            PayPalError::Denied { .. } => Self::new(Code::PaymentDeclined),
            PayPalError::Refused { .. }
            | PayPalError::Unauthenticated { .. }
            | PayPalError::Unbuildable { .. } => Self::new(Code::PaymentProviderRefused),
        };
        problem.because(error)
    }
}
