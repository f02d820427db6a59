//! Amounts in PayPal's format: `{"currency_code":"USD","value":"237.60"}`.

use super::errors::{Findings, Refusal};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const CURRENCIES: [&str; 24] = [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY",
    "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
];
const WITHOUT_DECIMALS: [&str; 3] = ["HUF", "JPY", "TWD"];
/// 999999999999999.99
const MAX_AMOUNT: Decimal = Decimal::from_parts(1_569_325_055, 23_283_064, 0, false, 2);

/// A currency of PayPal, and an amount with at most the decimals of that currency.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Money {
    pub(super) currency: String,
    #[serde(rename = "amount")]
    pub(super) value: Decimal,
}

/// The minimum amount that a field takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Minimum {
    /// For the parts of a sum.
    Zero,
    /// For payments.
    AboveZero,
}

impl Money {
    /// Reads `value`, the member at `field` of the body. Issues are added to `findings`.
    pub(super) fn read(
        value: &Value,
        field: &str,
        minimum: Minimum,
        findings: &mut Findings,
    ) -> Option<Self> {
        let Value::Object(members) = value else {
            findings.add_syntax("INVALID_PARAMETER_SYNTAX", field, Some(value));
            return None;
        };
        let currency = read_currency(
            members.get("currency_code"),
            &format!("{field}/currency_code"),
            findings,
        );
        let amount = read_amount(
            members.get("value"),
            &format!("{field}/value"),
            minimum,
            findings,
        );
        let (currency, amount) = (currency?, amount?);
        let issue = if amount.normalize().scale() == 0 {
            None
        } else if WITHOUT_DECIMALS.contains(&&*currency) {
            Some("DECIMALS_NOT_SUPPORTED")
        } else if amount.normalize().scale() > 2 {
            Some("DECIMAL_PRECISION")
        } else {
            None
        };
        if let Some(issue) = issue {
            findings.add_semantic(issue, &format!("{field}/value"), members.get("value"));
            return None;
        }
        Some(Self {
            currency,
            value: amount,
        })
    }

    /// Reads the optional `amount` of a request to capture, reauthorize or refund.
    pub(super) fn read_optional(body: &Value) -> Result<Option<Self>, Refusal> {
        let Some(amount) = body.get("amount").filter(|amount| !amount.is_null()) else {
            return Ok(None);
        };
        let mut findings = Findings::default();
        let amount = Self::read(amount, "/amount", Minimum::AboveZero, &mut findings);
        findings.into_result()?;
        Ok(amount)
    }

    /// Another amount in the same currency.
    pub(super) fn with_value(&self, value: Decimal) -> Self {
        Self {
            currency: self.currency.clone(),
            value,
        }
    }

    /// Rounded down to the decimals of the currency.
    pub(super) fn share(&self, numerator: i64, denominator: i64) -> Self {
        let exact = self.value * Decimal::from(numerator) / Decimal::from(denominator);
        self.with_value(exact.trunc_with_scale(self.decimals()))
    }

    /// Such as `237.60`.
    pub(super) fn text(&self) -> String {
        let mut value = self.value;
        value.rescale(self.decimals());
        value.to_string()
    }

    pub(super) fn json(&self) -> Value {
        json!({ "currency_code": self.currency, "value": self.text() })
    }

    fn decimals(&self) -> u32 {
        if WITHOUT_DECIMALS.contains(&&*self.currency) {
            0
        } else {
            2
        }
    }
}

fn read_currency(value: Option<&Value>, field: &str, findings: &mut Findings) -> Option<String> {
    match value {
        None | Some(Value::Null) => {
            findings.add_syntax("MISSING_REQUIRED_PARAMETER", field, None);
            None
        }
        Some(Value::String(code)) if code.chars().count() != 3 => {
            findings.add_syntax("INVALID_STRING_LENGTH", field, value);
            None
        }
        Some(Value::String(code)) if CURRENCIES.contains(&code.as_str()) => Some(code.clone()),
        Some(Value::String(_)) => {
            findings.add_semantic("INVALID_CURRENCY_CODE", field, value);
            None
        }
        Some(_) => {
            findings.add_syntax("INVALID_PARAMETER_SYNTAX", field, value);
            None
        }
    }
}

fn read_amount(
    value: Option<&Value>,
    field: &str,
    minimum: Minimum,
    findings: &mut Findings,
) -> Option<Decimal> {
    let text = match value {
        None | Some(Value::Null) => {
            findings.add_syntax("MISSING_REQUIRED_PARAMETER", field, None);
            return None;
        }
        Some(Value::String(text)) if text.is_empty() || text.len() > 32 => {
            findings.add_syntax("INVALID_STRING_LENGTH", field, value);
            return None;
        }
        Some(Value::String(text)) if is_amount(text) => text,
        Some(_) => {
            findings.add_syntax("INVALID_PARAMETER_SYNTAX", field, value);
            return None;
        }
    };
    let amount = Decimal::from_str_exact(text)
        .ok()
        .filter(|amount| *amount <= MAX_AMOUNT);
    let Some(amount) = amount else {
        // A text that is too long for `Decimal` has too many digits before or after the point.
        let decimals = text
            .split_once('.')
            .map_or(0, |(_, decimals)| decimals.len());
        let issue = if decimals > 2 {
            "DECIMAL_PRECISION"
        } else {
            "MAX_VALUE_EXCEEDED"
        };
        findings.add_semantic(issue, field, value);
        return None;
    };
    let issue = match minimum {
        Minimum::AboveZero if amount <= Decimal::ZERO => Some("CANNOT_BE_ZERO_OR_NEGATIVE"),
        Minimum::Zero if amount < Decimal::ZERO => Some("CANNOT_BE_NEGATIVE"),
        _ => None,
    };
    if let Some(issue) = issue {
        findings.add_semantic(issue, field, value);
        return None;
    }
    Some(amount)
}

/// Matches `^((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))$`.
fn is_amount(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match unsigned.split_once('.') {
        None => !unsigned.is_empty() && is_digits(unsigned),
        Some((whole, decimals)) => is_digits(whole) && !decimals.is_empty() && is_digits(decimals),
    }
}
