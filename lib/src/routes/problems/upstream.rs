//! Problems of failed calls to the database and to PayPal.

use super::{Code, Problem};
use crate::{
    clients::{paypal::PayPalError, supabase::DatabaseError},
    domain::paypal_meaning::Meaning,
};

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
        let problem = match error.meaning() {
            Meaning::Unknown => Self::new(Code::PaymentProviderUnavailable)
                .detail("PayPal did not answer. Retry the same request: it cannot charge twice.")
                .retry_after(5),
            Meaning::NotNow => Self::new(Code::PaymentProviderUnavailable)
                .detail("PayPal did nothing. Retry the same request later.")
                .retry_after(error.wait().map_or(5, |wait| wait.as_secs())),
            Meaning::DeclinedByPayer => Self::new(Code::PaymentDeclined),
            Meaning::Ours | Meaning::Ended | Meaning::Done | Meaning::NotYet => {
                Self::new(Code::PaymentProviderRefused)
            }
        };
        problem.because(error)
    }
}
