//! Refund amounts and the `refund` member of a cancellation.

use super::checkout::Hold;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

/// The refunded and the kept part of a price, rounded to cents.
pub(crate) fn split_price(price: &str, percent: u32) -> (String, String) {
    let price: Decimal = price.parse().unwrap();
    let back = (price * Decimal::from(percent) / Decimal::from(100))
        .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    (format!("{back:.2}"), format!("{:.2}", price - back))
}

/// The `refund` member that a cancellation of `hold` must return.
pub(crate) fn refund_body(hold: &Hold, percent: u32, amount: &str, status: &str) -> Value {
    json!({"percent": percent, "amount": amount, "currency": hold.currency, "status": status})
}
