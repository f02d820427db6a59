//! The body of a request to create an order.

use super::amounts::{check_breakdown, check_items};
use crate::paypal::{
    errors::{Findings, Refusal},
    fields::read_text,
    money::{Minimum, Money},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The merchant's next step after the approval.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::paypal) enum Intent {
    Authorize,
    Capture,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct PurchaseUnit {
    pub(in crate::paypal) reference_id: String,
    pub(in crate::paypal) amount: Money,
    /// Members that responses repeat unchanged, including the amount's breakdown.
    pub(in crate::paypal) echoed: Map<String, Value>,
}

impl PurchaseUnit {
    pub(in crate::paypal) fn text(&self, member: &str) -> Option<&str> {
        self.echoed.get(member).and_then(Value::as_str)
    }
}

/// The shop's addresses and name for the approval page.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(in crate::paypal) struct ExperienceContext {
    pub(in crate::paypal) return_url: Option<String>,
    pub(in crate::paypal) cancel_url: Option<String>,
    pub(in crate::paypal) brand_name: Option<String>,
}

/// A valid request to create an order.
#[derive(Clone, Debug)]
pub(in crate::paypal) struct OrderInput {
    pub(in crate::paypal) intent: Intent,
    pub(in crate::paypal) units: Vec<PurchaseUnit>,
    pub(in crate::paypal) experience: ExperienceContext,
    /// The request has `payment_source.paypal` instead of the older `application_context`.
    pub(in crate::paypal) has_payment_source: bool,
}

const MAX_UNITS: usize = 10;

/// A refusal lists all issues of the body.
pub(in crate::paypal) fn read(
    body: &Value,
    request_id: Option<&str>,
) -> Result<OrderInput, Refusal> {
    let mut findings = Findings::default();
    let wallet = body.pointer("/payment_source/paypal");
    if body
        .get("payment_source")
        .is_some_and(|source| !source.is_null())
        && request_id.is_none()
    {
        return Err(Findings::syntactic("PAYPAL_REQUEST_ID_REQUIRED").into_refusal());
    }
    let intent = read_intent(body.get("intent"), &mut findings);
    let units = read_units(body.get("purchase_units"), intent, &mut findings);
    let (context, field) = match wallet {
        Some(wallet) => (
            wallet.get("experience_context"),
            "/payment_source/paypal/experience_context",
        ),
        None => (body.get("application_context"), "/application_context"),
    };
    let experience = read_experience(context, field, &mut findings);
    findings.into_result()?;
    let Some(intent) = intent else {
        return Err(Findings::syntactic("MISSING_REQUIRED_PARAMETER").into_refusal());
    };
    Ok(OrderInput {
        intent,
        units,
        experience,
        has_payment_source: wallet.is_some(),
    })
}

fn read_intent(value: Option<&Value>, findings: &mut Findings) -> Option<Intent> {
    match value {
        Some(Value::String(word)) if word == "AUTHORIZE" => return Some(Intent::Authorize),
        Some(Value::String(word)) if word == "CAPTURE" => return Some(Intent::Capture),
        None | Some(Value::Null) => {
            findings.add_syntax("MISSING_REQUIRED_PARAMETER", "/intent", None);
        }
        Some(_) => findings.add_syntax("INVALID_PARAMETER_VALUE", "/intent", value),
    }
    None
}

fn read_units(
    value: Option<&Value>,
    intent: Option<Intent>,
    findings: &mut Findings,
) -> Vec<PurchaseUnit> {
    const FIELD: &str = "/purchase_units";
    let Some(Value::Array(items)) = value else {
        let issue = if value.is_none_or(Value::is_null) {
            "MISSING_REQUIRED_PARAMETER"
        } else {
            "INVALID_PARAMETER_SYNTAX"
        };
        findings.add_syntax(issue, FIELD, value.filter(|value| !value.is_null()));
        return Vec::new();
    };
    if items.is_empty() {
        findings.add_syntax("INVALID_ARRAY_MIN_ITEMS", FIELD, None);
    }
    if items.len() > MAX_UNITS {
        findings.add_syntax("INVALID_ARRAY_MAX_ITEMS", FIELD, None);
        return Vec::new();
    }
    let has_several = items.len() > 1;
    if has_several && intent == Some(Intent::Authorize) {
        findings.add_semantic("UNSUPPORTED_INTENT", "/intent", None);
    }
    let units: Vec<PurchaseUnit> = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| {
            read_unit(item, &format!("{FIELD}/{index}"), has_several, findings)
        })
        .collect();
    let reference_ids: BTreeSet<&str> = units
        .iter()
        .map(|unit| unit.reference_id.as_str())
        .collect();
    if reference_ids.len() < units.len() {
        findings.add_semantic("DUPLICATE_REFERENCE_ID", FIELD, None);
    }
    let currencies: BTreeSet<&str> = units
        .iter()
        .map(|unit| unit.amount.currency.as_str())
        .collect();
    if currencies.len() > 1 {
        findings.add_semantic("MULTI_CURRENCY_ORDER", FIELD, None);
    }
    units
}

fn read_unit(
    item: &Value,
    field: &str,
    has_several: bool,
    findings: &mut Findings,
) -> Option<PurchaseUnit> {
    let Value::Object(members) = item else {
        findings.add_syntax("INVALID_PARAMETER_SYNTAX", field, Some(item));
        return None;
    };
    let mut echoed = Map::new();
    for (name, max_length) in [
        ("description", 127),
        ("custom_id", 127),
        ("invoice_id", 127),
        ("soft_descriptor", 22),
    ] {
        if let Some(text) = read_text(item, name, max_length, field, findings) {
            echoed.insert(name.to_owned(), text.into());
        }
    }
    let reference = read_text(item, "reference_id", 256, field, findings);
    if has_several && reference.is_none() {
        findings.add_semantic(
            "REFERENCE_ID_REQUIRED",
            &format!("{field}/reference_id"),
            None,
        );
    }
    let Some(amount) = members.get("amount").filter(|amount| !amount.is_null()) else {
        findings.add_syntax(
            "MISSING_REQUIRED_PARAMETER",
            &format!("{field}/amount"),
            None,
        );
        return None;
    };
    let money = Money::read(
        amount,
        &format!("{field}/amount"),
        Minimum::AboveZero,
        findings,
    )?;
    check_items(item, field, &money, findings);
    if let Some(breakdown) = amount
        .get("breakdown")
        .filter(|breakdown| !breakdown.is_null())
    {
        check_breakdown(breakdown, field, &money, findings);
        echoed.insert("breakdown".to_owned(), breakdown.clone());
    }
    if let Some(items) = members.get("items").filter(|items| !items.is_null()) {
        echoed.insert("items".to_owned(), items.clone());
    }
    Some(PurchaseUnit {
        reference_id: reference.unwrap_or_else(|| "default".to_owned()),
        amount: money,
        echoed,
    })
}

fn read_experience(
    value: Option<&Value>,
    field: &str,
    findings: &mut Findings,
) -> ExperienceContext {
    let Some(context) = value.filter(|value| !value.is_null()) else {
        return ExperienceContext::default();
    };
    let enumerations: [(&str, &[&str]); 4] = [
        ("user_action", &["CONTINUE", "PAY_NOW"]),
        (
            "shipping_preference",
            &["GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"],
        ),
        (
            "landing_page",
            &["LOGIN", "GUEST_CHECKOUT", "BILLING", "NO_PREFERENCE"],
        ),
        (
            "payment_method_preference",
            &["UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"],
        ),
    ];
    for (name, allowed) in enumerations {
        let value = context.get(name).filter(|value| !value.is_null());
        let is_allowed = |value: &Value| value.as_str().is_some_and(|text| allowed.contains(&text));
        if value.is_some_and(|value| !is_allowed(value)) {
            findings.add_syntax("INVALID_PARAMETER_VALUE", &format!("{field}/{name}"), value);
        }
    }
    ExperienceContext {
        return_url: read_url(context, "return_url", field, findings),
        cancel_url: read_url(context, "cancel_url", field, findings),
        brand_name: read_text(context, "brand_name", 127, field, findings),
    }
}

fn read_url(parent: &Value, name: &str, field: &str, findings: &mut Findings) -> Option<String> {
    let text = read_text(parent, name, 4_000, field, findings)?;
    // The payer's browser is redirected there, so only web pages are allowed.
    if url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        return Some(text);
    }
    findings.add_syntax(
        "INVALID_PARAMETER_SYNTAX",
        &format!("{field}/{name}"),
        parent.get(name),
    );
    None
}
