//! Disputes: a buyer's claim on captured money, from its creation to its resolution.

use super::{ledger::Ledger, links::Links, money::Money, times::json_time};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The status of a dispute that is not resolved.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisputeStatus {
    /// The buyer opened it.
    #[default]
    Open,
    /// The merchant has to answer.
    WaitingForSellerResponse,
    /// The buyer has to answer.
    WaitingForBuyerResponse,
    /// PayPal decides.
    UnderReview,
}

/// The end of a dispute.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisputeOutcome {
    /// The money goes back to the buyer.
    ResolvedBuyerFavour,
    /// The merchant keeps the money.
    ResolvedSellerFavour,
    /// A payout settles it. PayPal does not say who pays.
    ResolvedWithPayout,
    /// The buyer withdrew the dispute.
    CanceledByBuyer,
    /// The merchant accepted the claim, and the money goes back.
    Accepted,
    /// PayPal denied the claim.
    Denied,
    /// Nothing was decided.
    None,
}

impl DisputeOutcome {
    pub(super) const fn usual_money(self) -> MoneyBack {
        match self {
            Self::ResolvedBuyerFavour | Self::Accepted => MoneyBack::Reversed,
            _ => MoneyBack::None,
        }
    }
}

/// The way in which a buyer's money goes back. Public reports show both.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyBack {
    /// The merchant keeps it.
    None,
    /// `PAYMENT.CAPTURE.REVERSED`, and the order lists no refund.
    Reversed,
    /// `PAYMENT.CAPTURE.REVERSED`, and the order lists a refund.
    ReversedAndListed,
    /// `PAYMENT.CAPTURE.REFUNDED`, and the order lists a refund.
    Refunded,
}

/// How a capture is shown while a dispute about it is open. Public reports and the documentation
/// disagree.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShownAs {
    /// As before.
    #[default]
    Unchanged,
    /// `PARTIALLY_REFUNDED`, without a refund.
    PartiallyRefunded,
    /// `PENDING` with the reason `BUYER_COMPLAINT`.
    Pending,
}

/// A dispute about one capture.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) order_id: String,
    pub(super) capture_id: String,
    pub(super) amount: Money,
    pub(super) reason: String,
    pub(super) status: DisputeStatus,
    /// None for an open dispute.
    pub(super) outcome: Option<DisputeOutcome>,
    /// The capture while the dispute is open.
    #[serde(default)]
    pub(super) shown_as: ShownAs,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Ledger {
    pub(super) fn open_dispute_about(&self, capture: &str) -> Option<&Dispute> {
        self.disputes
            .values()
            .find(|dispute| dispute.capture_id == capture && dispute.outcome.is_none())
    }
}

impl Dispute {
    /// The dispute as an event shows it.
    pub(super) fn body(&self, links: Links<'_>) -> Value {
        let own = format!("/v1/customer/disputes/{}", self.id);
        let status = match self.outcome {
            Some(_) => json!("RESOLVED"),
            None => json!(self.status),
        };
        let mut body = json!({
            "dispute_id": self.id,
            "create_time": json_time(self.created_at),
            "update_time": json_time(self.updated_at),
            "disputed_transactions": [{
                "seller_transaction_id": self.capture_id,
                "gross_amount": self.amount.json(),
                "transaction_status": "COMPLETED",
                "seller": { "merchant_id": super::parties::MERCHANT_ID },
            }],
            "reason": self.reason,
            "status": status,
            "dispute_amount": self.amount.json(),
            "dispute_life_cycle_stage": "INQUIRY",
            "dispute_channel": "INTERNAL",
            "links": [links.get("self", &own)],
        });
        if let Some(outcome) = self.outcome {
            body["dispute_outcome"] = json!({ "outcome_code": outcome });
            if outcome.usual_money() != MoneyBack::None {
                body["dispute_outcome"]["amount_refunded"] = self.amount.json();
            }
        }
        body
    }
}
