//! Comparisons with PayPal: the payments that are due, and the results.

use crate::support::database::{Database, call};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Records a comparison with its findings: kind and detail of each.
pub(crate) async fn record_comparison(
    client: &Client,
    payment_id: &str,
    findings: &[(&str, &str)],
    now: &str,
) {
    let findings: Vec<_> = findings
        .iter()
        .map(|(kind, detail)| json!({ "kind": kind, "detail": detail }))
        .collect();
    let arguments = json!({ "p_payment_id": payment_id, "p_findings": json!(findings).to_string(), "p_now": now });
    assert_eq!(
        call(client, "record_reconciliation", arguments).await,
        json!({ "outcome": "recorded" })
    );
}

/// Records a finding from outside a comparison.
pub(crate) async fn record_finding(
    client: &Client,
    payment_id: &str,
    kind: &str,
    detail: &str,
    now: &str,
) {
    let arguments =
        json!({ "p_payment_id": payment_id, "p_kind": kind, "p_detail": detail, "p_now": now });
    assert_eq!(
        call(client, "record_finding", arguments).await,
        json!({ "outcome": "recorded" })
    );
}

/// The ids of the payments to compare, in order.
pub(crate) async fn due_payments(client: &Client, now: &str) -> Vec<String> {
    let due = call(client, "payments_to_reconcile", json!({ "p_now": now })).await;
    let id = |record: &Value| record["paymentId"].as_str().unwrap().to_owned();
    due.as_array().unwrap().iter().map(id).collect()
}

/// The time until the next comparison of the payment, in minutes. `None`: never.
pub(crate) async fn next_pause(db: &Database, payment_id: &str, now: &str) -> Option<String> {
    let minutes = format!(
        "SELECT extract(epoch FROM nullif(next_comparison_at, 'infinity') - '{now}')::integer / 60
         FROM payments WHERE id = '{payment_id}'"
    );
    db.value(&minutes).await
}

/// The pause of a payment in the hourly lane, in minutes.
pub(crate) const HOUR: &str = "50";
