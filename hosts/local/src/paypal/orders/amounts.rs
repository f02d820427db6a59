//! Checks that the parts of an order add up to its amount.

use crate::paypal::{
    errors::Findings,
    fields::read_text,
    money::{Minimum, Money},
};
use rust_decimal::Decimal;
use serde_json::Value;

/// The parts of the breakdown must add up to the amount.
pub(super) fn check_breakdown(
    breakdown: &Value,
    field: &str,
    unit_amount: &Money,
    findings: &mut Findings,
) {
    let mut sum = Decimal::ZERO;
    for (name, is_added) in [
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
        let Some(part) = Money::read(part, &field, Minimum::Zero, findings) else {
            return;
        };
        if part.currency != unit_amount.currency {
            findings.add_semantic(
                "MULTI_CURRENCY_ORDER",
                &format!("{field}/currency_code"),
                None,
            );
            return;
        }
        sum += if is_added { part.value } else { -part.value };
    }
    if sum != unit_amount.value {
        findings.add_semantic(
            "AMOUNT_MISMATCH",
            &format!("{field}/amount/value"),
            Some(&unit_amount.text().into()),
        );
    }
}

/// Items are optional. If present, they must add up to `item_total`.
pub(super) fn check_items(unit: &Value, field: &str, unit_amount: &Money, findings: &mut Findings) {
    let Some(Value::Array(items)) = unit.get("items") else {
        return;
    };
    let mut sum = Decimal::ZERO;
    for (index, item) in items.iter().enumerate() {
        let field = format!("{field}/items/{index}");
        if read_text(item, "name", 127, &field, findings).is_none() && item.get("name").is_none() {
            findings.add_syntax("MISSING_REQUIRED_PARAMETER", &format!("{field}/name"), None);
        }
        let price = item.get("unit_amount").unwrap_or(&Value::Null);
        let price = Money::read(
            price,
            &format!("{field}/unit_amount"),
            Minimum::Zero,
            findings,
        );
        let quantity = item.get("quantity");
        let count = quantity
            .and_then(Value::as_str)
            .filter(|text| text.len() <= 10 && !text.starts_with('0'))
            .and_then(|text| text.parse::<u64>().ok());
        if count.is_none() {
            findings.add_syntax(
                "INVALID_PARAMETER_SYNTAX",
                &format!("{field}/quantity"),
                quantity,
            );
        }
        let (Some(price), Some(count)) = (price, count) else {
            return;
        };
        sum += price.value.saturating_mul(Decimal::from(count));
    }
    let total_field = format!("{field}/amount/breakdown/item_total");
    let Some(total) = unit.pointer("/amount/breakdown/item_total") else {
        if !items.is_empty() {
            findings.add_semantic("ITEM_TOTAL_REQUIRED", &total_field, None);
        }
        return;
    };
    // `check_breakdown` reports the issues of the total itself.
    let mut ignored = Findings::default();
    let total = Money::read(total, &total_field, Minimum::Zero, &mut ignored);
    if total.is_some_and(|total| total.value != sum || total.currency != unit_amount.currency) {
        findings.add_semantic("ITEM_TOTAL_MISMATCH", &total_field, None);
    }
}
