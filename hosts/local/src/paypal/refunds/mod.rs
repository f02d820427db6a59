//! Refunds: captured money returned to the payer.

mod operations;
pub(in crate::paypal) mod representation;

use super::money::Money;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A refund, which completes at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Refund {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) capture_id: String,
    amount: Money,
    /// The sum of the capture's refunds, up to and including this one.
    #[serde(rename = "total")]
    running_total: Decimal,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    note_to_payer: Option<String>,
    created_at: Timestamp,
}
