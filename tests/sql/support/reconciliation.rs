//! Results of a comparison with PayPal.

use crate::support::database::call;
use serde_json::json;
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
