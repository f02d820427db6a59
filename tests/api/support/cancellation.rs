//! Refund amounts and the `refund` member of a cancellation.

use super::checkout::Hold;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

/// What is given back of a price, and what is kept, to the cent.
pub(crate) fn split_price(price: &str, percent: u32) -> (String, String) {
    let price: Decimal = price.parse().unwrap();
    let back = (price * Decimal::from(percent) / Decimal::from(100))
        .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    (format!("{back:.2}"), format!("{:.2}", price - back))
}

/// What is told of the money of a cancelled booking.
pub(crate) fn refund_body(hold: &Hold, percent: u32, amount: &str, status: &str) -> Value {
    json!({"percent": percent, "amount": amount, "currency": hold.currency, "status": status})
}
