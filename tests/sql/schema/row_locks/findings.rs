//! The locks of the functions of findings, comparisons and disputes.

use super::rows::{insert_car, payment_row};
use crate::support::{
    database::Database,
    fixtures::{NOW, book_and_pay, with},
    row_locks::LockCase,
};
use serde_json::json;

pub(super) async fn cases(db: &Database) -> Vec<LockCase> {
    insert_car(db, "disputed").await;
    let service = db.service().await;
    let one = book_and_pay(&service, "disputed", "2030-02-20", "2030-02-24", NOW).await;
    let other = book_and_pay(&service, "disputed", "2030-03-20", "2030-03-24", NOW).await;
    // Every id at PayPal names its payment.
    let dispute = json!({ "p_dispute_id": "D", "p_transactions": [one.order_id, other.order_id],
                          "p_is_resolved": false, "p_now": NOW });
    let payments = [&one, &other].map(|paid| payment_row(&paid.payment_id));
    let mut cases = vec![LockCase::waits("record_dispute", dispute, payments)];
    for (function, more) in [
        ("record_finding", json!({ "p_kind": "disputed" })),
        (
            "acknowledge_finding",
            json!({ "p_kind": "disputed", "p_reason": "seen", "p_actor": "operator:1" }),
        ),
        ("record_reconciliation", json!({ "p_findings": "[]" })),
        ("record_comparison_failure", json!({ "p_code": "X" })),
    ] {
        let arguments = json!({ "p_payment_id": one.payment_id, "p_now": NOW });
        let payment = payment_row(&one.payment_id);
        cases.push(LockCase::waits(function, with(arguments, more), [payment]));
    }
    cases
}
