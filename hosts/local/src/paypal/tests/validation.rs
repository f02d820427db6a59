//! Refusals of invalid requests to create an order.

use super::{PayPal, order_body};
use serde_json::{Value, json};

async fn issues(paypal: &PayPal, body: Value) -> (u16, Vec<(String, String)>) {
    let response = paypal
        .post_with_id("validation", "/v2/checkout/orders", body)
        .await;
    let details = response.body["details"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |detail: &Value, name: &str| detail[name].as_str().unwrap_or_default().to_owned();
    let details = details
        .iter()
        .map(|detail| (text(detail, "issue"), text(detail, "field")))
        .collect();
    (response.status.as_u16(), details)
}

/// An order with one member replaced.
fn order_with(pointer: &str, value: Value) -> Value {
    let mut body = order_body("A car");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

async fn assert_issue(pointer: &str, value: Value, status: u16, issue: &str, field: &str) {
    let issues_found = issues(&PayPal::new().await, order_with(pointer, value.clone())).await;
    let expected = (status, vec![(issue.to_owned(), field.to_owned())]);
    assert_eq!(issues_found, expected, "{pointer} = {value}");
}

#[tokio::test]
async fn invalid_order_fields_are_refused() {
    let faults = [
        ("/intent", Value::Null, "MISSING_REQUIRED_PARAMETER", ""),
        ("/intent", json!("PAY"), "INVALID_PARAMETER_VALUE", ""),
        ("/purchase_units", json!({}), "INVALID_PARAMETER_SYNTAX", ""),
        ("/purchase_units", json!([]), "INVALID_ARRAY_MIN_ITEMS", ""),
        (
            "/purchase_units",
            json!(vec![1; 11]),
            "INVALID_ARRAY_MAX_ITEMS",
            "",
        ),
        (
            "/application_context",
            json!({"return_url": "javascript:x"}),
            "INVALID_PARAMETER_SYNTAX",
            "/return_url",
        ),
        (
            "/application_context",
            json!({"user_action": "GO"}),
            "INVALID_PARAMETER_VALUE",
            "/user_action",
        ),
    ];
    for (pointer, value, issue, suffix) in faults {
        assert_issue(pointer, value, 400, issue, &format!("{pointer}{suffix}")).await;
    }
}

#[tokio::test]
async fn invalid_unit_fields_are_refused() {
    let long = json!("x".repeat(128));
    let faults = [
        ("amount", Value::Null, "MISSING_REQUIRED_PARAMETER"),
        ("amount", json!("237.60"), "INVALID_PARAMETER_SYNTAX"),
        ("description", long.clone(), "INVALID_STRING_LENGTH"),
        ("custom_id", long.clone(), "INVALID_STRING_LENGTH"),
        ("invoice_id", json!(""), "INVALID_STRING_LENGTH"),
        ("soft_descriptor", json!(7), "INVALID_PARAMETER_SYNTAX"),
        (
            "reference_id",
            json!("x".repeat(257)),
            "INVALID_STRING_LENGTH",
        ),
    ];
    for (name, value, issue) in faults {
        let pointer = format!("/purchase_units/0/{name}");
        assert_issue(&pointer, value, 400, issue, &pointer).await;
    }
}

#[tokio::test]
async fn invalid_amounts_are_refused() {
    let faults = [
        ("value", json!(237.6), 400, "INVALID_PARAMETER_SYNTAX"),
        ("value", json!("1e3"), 400, "INVALID_PARAMETER_SYNTAX"),
        ("value", json!("."), 400, "INVALID_PARAMETER_SYNTAX"),
        ("value", json!("9".repeat(33)), 400, "INVALID_STRING_LENGTH"),
        ("value", json!("9".repeat(31)), 422, "MAX_VALUE_EXCEEDED"),
        ("value", json!("0.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("value", json!("-5"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("value", json!("1.001"), 422, "DECIMAL_PRECISION"),
        (
            "value",
            json!(format!("1.{}", "1".repeat(30))),
            422,
            "DECIMAL_PRECISION",
        ),
        (
            "currency_code",
            Value::Null,
            400,
            "MISSING_REQUIRED_PARAMETER",
        ),
        ("currency_code", json!("USDX"), 400, "INVALID_STRING_LENGTH"),
        ("currency_code", json!("XXX"), 422, "INVALID_CURRENCY_CODE"),
    ];
    for (name, value, status, issue) in faults {
        let pointer = format!("/purchase_units/0/amount/{name}");
        assert_issue(&pointer, value, status, issue, &pointer).await;
    }
    let yen = order_with("/purchase_units/0/amount/currency_code", json!("JPY"));
    let field = "/purchase_units/0/amount/value".to_owned();
    let expected = (422, vec![("DECIMALS_NOT_SUPPORTED".to_owned(), field)]);
    assert_eq!(issues(&PayPal::new().await, yen).await, expected);
}

#[tokio::test]
async fn all_syntax_issues_are_listed() {
    let paypal = PayPal::new().await;
    let body = json!({"purchase_units": [{"amount": {"value": "x"}, "custom_id": ""}]});
    let (status, found) = issues(&paypal, body).await;
    assert_eq!(status, 400);
    let fields: Vec<&str> = found.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "/intent",
            "/purchase_units/0/custom_id",
            "/purchase_units/0/amount/currency_code",
            "/purchase_units/0/amount/value"
        ]
    );
}

#[tokio::test]
async fn several_units_need_capture_and_unique_ids() {
    let paypal = PayPal::new().await;
    let unit = |name: &str| json!({"reference_id": name, "amount": {"currency_code": "USD", "value": "1"}});
    let body = |intent: &str, names: [&str; 2]| json!({"intent": intent, "purchase_units": names.map(unit)});
    assert_eq!(
        issues(&paypal, body("AUTHORIZE", ["a", "b"])).await.1[0].0,
        "UNSUPPORTED_INTENT"
    );
    assert_eq!(
        issues(&paypal, body("CAPTURE", ["a", "a"])).await.1[0].0,
        "DUPLICATE_REFERENCE_ID"
    );
    assert_eq!(
        issues(&paypal, body("CAPTURE", ["a", "b"])).await,
        (201, Vec::new())
    );
}

#[tokio::test]
async fn breakdown_and_items_must_add_up() {
    let paypal = PayPal::new().await;
    let dollars = |value: &str| json!({"currency_code": "USD", "value": value});
    let item = json!({"name": "Day", "quantity": "4", "unit_amount": dollars("60.00")});
    let parts = |total: &str, discount: &str| {
        let mut body = order_with(
            "/purchase_units/0/amount/breakdown",
            json!({
                "item_total": dollars(total), "tax_total": dollars("21.60"), "discount": dollars(discount),
            }),
        );
        body["purchase_units"][0]["items"] = json!([item]);
        body
    };
    assert_eq!(
        issues(&paypal, parts("240.00", "24.01")).await.1[0].0,
        "AMOUNT_MISMATCH"
    );
    assert_eq!(
        issues(&paypal, parts("239.00", "23.00")).await.1[0].0,
        "ITEM_TOTAL_MISMATCH"
    );
    assert_eq!(
        issues(&paypal, parts("240.00", "-1")).await.1[0].0,
        "CANNOT_BE_NEGATIVE"
    );
    let without_total = order_with("/purchase_units/0/items", json!([item]));
    assert_eq!(
        issues(&paypal, without_total).await.1[0].0,
        "ITEM_TOTAL_REQUIRED"
    );
    assert_eq!(
        issues(&paypal, parts("240.00", "24.00")).await,
        (201, Vec::new())
    );
}
