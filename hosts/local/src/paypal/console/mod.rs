//! PayPal's console (its dashboard): what the merchant, a buyer or PayPal itself does without the
//! product. Behaviours do not affect it.
//!
//! [`Simulator::console`] acts, and `POST /_local/paypal/console` takes the same as JSON. The
//! result is the changed resource: a capture, an authorization, a refund or a dispute. Each action
//! emits PayPal's events.
//!
//! | action | members, `?` optional | events |
//! |---|---|---|
//! | `capture` | `authorization`, `amount?`, `final?` | `PAYMENT.CAPTURE.COMPLETED` |
//! | `void` | `authorization` | `PAYMENT.AUTHORIZATION.VOIDED` |
//! | `refund` | `capture`, `amount?` | `PAYMENT.CAPTURE.REFUNDED` |
//! | `reverse` | `capture`, `amount?`, `listed?` | a chargeback: `PAYMENT.CAPTURE.REVERSED` |
//! | `decide` | `id`, `status` | the events of its end |
//! | `open_dispute` | `capture`, `amount?`, `reason?`, `shownAs?` | `CUSTOMER.DISPUTE.CREATED` |
//! | `update_dispute` | `dispute`, `status` | `CUSTOMER.DISPUTE.UPDATED` |
//! | `resolve_dispute` | `dispute`, `outcome`, `money?` | `CUSTOMER.DISPUTE.RESOLVED` |
//!
//! - `decide` ends a PENDING authorization, capture or refund.
//! - An `amount` is a decimal string in the currency of the payment. Without it, all that is left.
//! - `listed`: whether the order lists the reversal as a refund. False by default. The capture is
//!   `REFUNDED` or `PARTIALLY_REFUNDED` either way.
//! - `shownAs`: `unchanged` (default), `partially_refunded` or `pending`.
//! - `outcome`: such as `RESOLVED_BUYER_FAVOUR`. `money` says how money goes back: `none`,
//!   `reversed`, `reversed_and_listed` or `refunded`. By default `reversed` if the buyer wins or
//!   the merchant accepts the claim, and `none` otherwise.
//! - While a dispute is open, PayPal refuses partial refunds by API with `TRANSACTION_DISPUTED`.
//!   After an unlisted reversal, any refund is `REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK`.

mod actions;

use super::{
    course::PaymentStatus,
    disputes::{DisputeOutcome, DisputeStatus, MoneyBack, ShownAs},
    errors::Refusal,
    simulator::{Simulator, lock},
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

/// An action in PayPal's console. The head of this module describes each.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConsoleAction {
    /// Captures a part or the rest of an authorization.
    Capture {
        /// The original authorization or a reauthorization.
        authorization: String,
        /// All that is left by default.
        #[serde(default)]
        amount: Option<Decimal>,
        /// Whether the authorization ends.
        #[serde(default, rename = "final")]
        is_final: bool,
    },
    /// Voids an authorization.
    Void {
        /// The original authorization.
        authorization: String,
    },
    /// Refunds a part or the rest of a capture.
    Refund {
        /// The capture.
        capture: String,
        /// All that is left by default.
        #[serde(default)]
        amount: Option<Decimal>,
    },
    /// Takes captured money back, as after a chargeback.
    Reverse {
        /// The capture.
        capture: String,
        /// All that is left by default.
        #[serde(default)]
        amount: Option<Decimal>,
        /// Whether the order lists the reversal as a refund.
        #[serde(default)]
        listed: bool,
    },
    /// Ends a PENDING authorization, capture or refund now.
    Decide {
        /// The authorization, the capture or the refund.
        id: String,
        /// The end.
        status: PaymentStatus,
    },
    /// A buyer opens a dispute.
    OpenDispute {
        /// The capture.
        capture: String,
        /// The amount of the capture by default.
        #[serde(default)]
        amount: Option<Decimal>,
        /// `MERCHANDISE_OR_SERVICE_NOT_RECEIVED` by default.
        #[serde(default)]
        reason: Option<String>,
        /// The capture while the dispute is open.
        #[serde(default, rename = "shownAs")]
        shown_as: ShownAs,
    },
    /// A dispute goes on.
    UpdateDispute {
        /// The dispute.
        dispute: String,
        /// Its new status.
        status: DisputeStatus,
    },
    /// A dispute ends.
    ResolveDispute {
        /// The dispute.
        dispute: String,
        /// The side that wins.
        outcome: DisputeOutcome,
        /// How the money goes back. By default it is reversed if the buyer wins or the merchant
        /// accepts the claim, and stays otherwise.
        #[serde(default)]
        money: Option<MoneyBack>,
    },
}

/// The reason why PayPal's console refuses an action.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConsoleError {
    /// There is no such resource.
    #[error("there is no such authorization, capture, refund or dispute")]
    Unknown,
    /// PayPal's issue, or what is wrong with the action.
    #[error("{0}")]
    Refused(String),
}

impl From<Refusal> for ConsoleError {
    fn from(refusal: Refusal) -> Self {
        match refusal.details.first() {
            Some(detail) if detail.issue == "INVALID_RESOURCE_ID" => Self::Unknown,
            Some(detail) => Self::Refused(detail.issue.clone().into_owned()),
            None => Self::Refused(refusal.kind.name().to_owned()),
        }
    }
}

impl Simulator {
    /// Acts in PayPal's console, and returns the changed resource as the API shows it.
    ///
    /// # Errors
    /// There is no such resource, or PayPal refuses the action.
    pub fn console(&self, action: &ConsoleAction) -> Result<Value, ConsoleError> {
        let now = self.inner.clock.now();
        let mut ledger = lock(&self.inner.ledger);
        // Decisions that fell due come before the action, as at PayPal.
        ledger.emit_timed_events(now, self.links());
        let result = ledger.act(action, now, self.links());
        self.inner.mark_changed();
        result
    }
}
