//! Timestamps as PayPal writes them, and their arithmetic.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// RFC 3339 in whole seconds.
pub(super) fn rfc3339(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// [`rfc3339`] as a JSON string.
pub(super) fn json_time(time: Timestamp) -> Value {
    rfc3339(time).into()
}

/// [`Timestamp::MAX`] on overflow.
pub(super) fn saturating_add(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}
