//! The sums of an order: what it is made of must come to what is asked for.

use super::super::{
    errors::Findings,
    fields::read_text,
    money::{Least, Money},
};
use rust_decimal::Decimal;
use serde_json::Value;

/// The parts must make up the whole.
pub(super) fn check_breakdown(
    breakdown: &Value,
    field: &str,
    whole: &Money,
    findings: &mut Findings,
) {
    let mut sum = Decimal::ZERO;
    for (name, adds) in [
        ("item_total", true),
        ("shipping", true),
        ("handling", true),
        ("tax_total", true),
        ("insurance", true),
        ("shipping_discount", false),
        ("discount", false),
    ] {
        let Some(part) = breakdown.get(name).filter(|part| !part.is_null()) else {
            continue;
        };
        let field = format!("{field}/amount/breakdown/{name}");
        let Some(part) = Money::read(part, &field, Least::Zero, findings) else {
            return;
        };
        if part.currency != whole.currency {
            findings.wrong(
                "MULTI_CURRENCY_ORDER",
                &format!("{field}/currency_code"),
                None,
            );
            return;
        }
        sum += if adds { part.amount } else { -part.amount };
    }
    if sum != whole.amount {
        findings.wrong(
            "AMOUNT_MISMATCH",
            &format!("{field}/amount/value"),
            Some(&whole.text().into()),
        );
    }
}

/// Items are optional; where given, they must make up `item_total`.
pub(super) fn check_items(unit: &Value, field: &str, whole: &Money, findings: &mut Findings) {
    let Some(Value::Array(items)) = unit.get("items") else {
        return;
    };
    let mut sum = Decimal::ZERO;
    for (at, item) in items.iter().enumerate() {
        let field = format!("{field}/items/{at}");
        if read_text(item, "name", 127, &field, findings).is_none() && item.get("name").is_none() {
            findings.malformed("MISSING_REQUIRED_PARAMETER", &format!("{field}/name"), None);
        }
        let price = item.get("unit_amount").unwrap_or(&Value::Null);
        let price = Money::read(
            price,
            &format!("{field}/unit_amount"),
            Least::Zero,
            findings,
        );
        let quantity = item.get("quantity");
        let count = quantity
            .and_then(Value::as_str)
            .filter(|text| text.len() <= 10 && !text.starts_with('0'))
            .and_then(|text| text.parse::<u64>().ok());
        if count.is_none() {
            findings.malformed(
                "INVALID_PARAMETER_SYNTAX",
                &format!("{field}/quantity"),
                quantity,
            );
        }
        let (Some(price), Some(count)) = (price, count) else {
            return;
        };
        sum += price.amount.saturating_mul(Decimal::from(count));
    }
    let total_field = format!("{field}/amount/breakdown/item_total");
    let Some(total) = unit.pointer("/amount/breakdown/item_total") else {
        if !items.is_empty() {
            findings.wrong("ITEM_TOTAL_REQUIRED", &total_field, None);
        }
        return;
    };
    // Faults of the total itself are found with the breakdown.
    let mut other = Findings::default();
    let total = Money::read(total, &total_field, Least::Zero, &mut other);
    if total.is_some_and(|total| total.amount != sum || total.currency != whole.currency) {
        findings.wrong("ITEM_TOTAL_MISMATCH", &total_field, None);
    }
}
