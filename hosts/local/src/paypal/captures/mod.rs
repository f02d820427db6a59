//! Captures: money collected from an authorization.

mod operations;
mod representation;

use super::{money::Money, webhooks::events::EventType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The source of a capture's money.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Funding {
    #[default]
    Balance,
    /// A review by PayPal that never ends.
    Review,
    /// An e-check, which the payer's bank accepts or refuses later.
    Check { decided_at: Timestamp, clears: bool },
}

/// The result of a capture, without its refunds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::paypal) enum CaptureOutcome {
    Completed,
    /// With the reason.
    Pending(&'static str),
    /// The merchant received no money, but the authorization remains captured.
    Declined,
}

/// A capture. The ledger stores its refunds separately.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Capture {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) order_id: String,
    /// The original authorization.
    original_id: String,
    /// The id in the request's path: the original authorization or a reauthorization.
    pub(in crate::paypal) authorization_id: String,
    pub(in crate::paypal) amount: Money,
    #[serde(default)]
    funding: Funding,
    /// Scripted by the purchase unit.
    pub(in crate::paypal) refuses_refunds: bool,
    /// The merchant sent `final_capture`.
    is_final: bool,
    pub(in crate::paypal) custom_id: Option<String>,
    invoice_id: Option<String>,
    pub(in crate::paypal) created_at: Timestamp,
    pub(in crate::paypal) updated_at: Timestamp,
}

impl Capture {
    pub(in crate::paypal) fn outcome(&self, now: Timestamp) -> CaptureOutcome {
        match self.funding {
            Funding::Review => CaptureOutcome::Pending("PENDING_REVIEW"),
            Funding::Check { decided_at, .. } if now < decided_at => {
                CaptureOutcome::Pending("ECHECK")
            }
            Funding::Check { clears: false, .. } => CaptureOutcome::Declined,
            Funding::Balance | Funding::Check { clears: true, .. } => CaptureOutcome::Completed,
        }
    }

    fn event_type(&self, now: Timestamp) -> EventType {
        match self.outcome(now) {
            CaptureOutcome::Completed => EventType::CaptureCompleted,
            CaptureOutcome::Pending(_) => EventType::CapturePending,
            CaptureOutcome::Declined => EventType::CaptureDeclined,
        }
    }
}
