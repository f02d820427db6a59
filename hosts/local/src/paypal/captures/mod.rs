//! Captures: authorized money that was taken.

mod operations;
mod representation;

use super::{money::Money, webhooks::events::EventType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a capture's money comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Funding {
    #[default]
    Balance,
    /// Somebody at PayPal looks at it, for ever.
    Review,
    /// A bank decides, and time shows how.
    Check { decided_at: Timestamp, clears: bool },
}

/// What a capture came to, refunds aside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::paypal) enum Outcome {
    Completed,
    /// Not yet known, for this reason.
    Pending(&'static str),
    /// No money came. The authorization is used up all the same.
    Declined,
}

/// A capture; whether it was refunded is for its refunds to say.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Capture {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) order_id: String,
    /// The original, whichever id was captured.
    original_id: String,
    /// The id that was captured.
    pub(in crate::paypal) authorization_id: String,
    pub(in crate::paypal) amount: Money,
    #[serde(default)]
    funding: Funding,
    /// The script of the purchase unit makes its refunds fail.
    pub(in crate::paypal) refuses_refunds: bool,
    /// No further capture was to follow.
    is_final: bool,
    pub(in crate::paypal) custom_id: Option<String>,
    invoice_id: Option<String>,
    pub(in crate::paypal) created_at: Timestamp,
    pub(in crate::paypal) updated_at: Timestamp,
}

impl Capture {
    pub(in crate::paypal) fn outcome(&self, now: Timestamp) -> Outcome {
        match self.funding {
            Funding::Review => Outcome::Pending("PENDING_REVIEW"),
            Funding::Check { decided_at, .. } if now < decided_at => Outcome::Pending("ECHECK"),
            Funding::Check { clears: false, .. } => Outcome::Declined,
            Funding::Balance | Funding::Check { clears: true, .. } => Outcome::Completed,
        }
    }

    /// The event that says what it came to.
    fn event_type(&self, now: Timestamp) -> EventType {
        match self.outcome(now) {
            Outcome::Completed => EventType::CaptureCompleted,
            Outcome::Pending(_) => EventType::CapturePending,
            Outcome::Declined => EventType::CaptureDeclined,
        }
    }
}
