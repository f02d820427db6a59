//! Amounts as PayPal writes them: `{"currency_code":"USD","value":"237.60"}`.

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
const LARGEST: Decimal = Decimal::from_parts(1_569_325_055, 23_283_064, 0, false, 2);

/// An amount in a currency that PayPal knows, with no more decimals than the currency has.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Money {
    pub(super) currency: String,
    pub(super) amount: Decimal,
}

/// The least amount that a field takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Least {
    /// Parts of a sum.
    Zero,
    /// What is to be paid.
    AboveZero,
}

impl Money {
    /// Reads `field` of a body, noting every fault.
    pub(super) fn read(
        value: &Value,
        field: &str,
        least: Least,
        findings: &mut Findings,
    ) -> Option<Self> {
        let Value::Object(members) = value else {
            findings.malformed("INVALID_PARAMETER_SYNTAX", field, Some(value));
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
            least,
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
            findings.wrong(issue, &format!("{field}/value"), members.get("value"));
            return None;
        }
        Some(Self { currency, amount })
    }

    /// The `amount` of a payment's request, if it names one.
    pub(super) fn read_optional(body: &Value) -> Result<Option<Self>, Refusal> {
        let Some(amount) = body.get("amount").filter(|amount| !amount.is_null()) else {
            return Ok(None);
        };
        let mut findings = Findings::default();
        let amount = Self::read(amount, "/amount", Least::AboveZero, &mut findings);
        findings.verdict()?;
        Ok(amount)
    }

    /// The same currency.
    pub(super) fn with(&self, amount: Decimal) -> Self {
        Self {
            currency: self.currency.clone(),
            amount,
        }
    }

    /// Rounded down to what the currency can express.
    pub(super) fn share(&self, numerator: i64, denominator: i64) -> Self {
        let exact = self.amount * Decimal::from(numerator) / Decimal::from(denominator);
        self.with(exact.trunc_with_scale(self.decimals()))
    }

    /// As `237.60`.
    pub(super) fn text(&self) -> String {
        let mut amount = self.amount;
        amount.rescale(self.decimals());
        amount.to_string()
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
            findings.malformed("MISSING_REQUIRED_PARAMETER", field, None);
            None
        }
        Some(Value::String(code)) if code.chars().count() != 3 => {
            findings.malformed("INVALID_STRING_LENGTH", field, value);
            None
        }
        Some(Value::String(code)) if CURRENCIES.contains(&code.as_str()) => Some(code.clone()),
        Some(Value::String(_)) => {
            findings.wrong("INVALID_CURRENCY_CODE", field, value);
            None
        }
        Some(_) => {
            findings.malformed("INVALID_PARAMETER_SYNTAX", field, value);
            None
        }
    }
}

fn read_amount(
    value: Option<&Value>,
    field: &str,
    least: Least,
    findings: &mut Findings,
) -> Option<Decimal> {
    let text = match value {
        None | Some(Value::Null) => {
            findings.malformed("MISSING_REQUIRED_PARAMETER", field, None);
            return None;
        }
        Some(Value::String(text)) if text.is_empty() || text.len() > 32 => {
            findings.malformed("INVALID_STRING_LENGTH", field, value);
            return None;
        }
        Some(Value::String(text)) if is_amount(text) => text,
        Some(_) => {
            findings.malformed("INVALID_PARAMETER_SYNTAX", field, value);
            return None;
        }
    };
    let amount = Decimal::from_str_exact(text)
        .ok()
        .filter(|amount| *amount <= LARGEST);
    let Some(amount) = amount else {
        // More digits than a decimal holds are either far too many before the point or far too many behind it.
        let behind = text.split_once('.').map_or(0, |(_, behind)| behind.len());
        let issue = if behind > 2 {
            "DECIMAL_PRECISION"
        } else {
            "MAX_VALUE_EXCEEDED"
        };
        findings.wrong(issue, field, value);
        return None;
    };
    let issue = match least {
        Least::AboveZero if amount <= Decimal::ZERO => Some("CANNOT_BE_ZERO_OR_NEGATIVE"),
        Least::Zero if amount < Decimal::ZERO => Some("CANNOT_BE_NEGATIVE"),
        _ => None,
    };
    if let Some(issue) = issue {
        findings.wrong(issue, field, value);
        return None;
    }
    Some(amount)
}

/// `^((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))$`
fn is_amount(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match unsigned.split_once('.') {
        None => !unsigned.is_empty() && digits(unsigned),
        Some((before, behind)) => digits(before) && !behind.is_empty() && digits(behind),
    }
}
