//! How a moment is written and reckoned.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// RFC 3339 in whole seconds.
pub(super) fn time(when: Timestamp) -> Value {
    moment(when).into()
}

/// [`time`] outside of JSON.
pub(super) fn moment(when: Timestamp) -> String {
    format!("{when:.0}")
}

/// A moment that far ahead.
pub(super) fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}
