//! The locks of the functions of payments.

use crate::support::{
    cancellation::by_operator,
    capture::capture_failure,
    database::{Database, call},
    fixtures::{Car, NOW, UNKNOWN_ID, book_and_pay, hold, order, with},
    operator::{claim_capture, operator_request},
    row_locks::{LockCase, row},
};
use serde_json::{Value, json};

/// The moment at which the paid booking is due for capture.
const DUE: &str = "2030-02-01T00:00:00Z";

pub(super) async fn cases(db: &Database) -> Vec<LockCase> {
    let mut cases = unpaid_cases(db).await;
    cases.extend(paid_cases(db).await);
    cases.push(failed_case(db).await);
    cases
}

/// A payment without an authorization.
async fn unpaid_cases(db: &Database) -> Vec<LockCase> {
    let car_id = insert_car(db, "unpaid").await;
    let service = db.service().await;
    let booking = hold(&service, "unpaid", "2030-02-01", "2030-02-05", NOW).await;
    let ordered = order(&service, &booking, NOW).await;
    let rows = || {
        [
            row("car", "cars", "id", &car_id),
            row("booking", "bookings", "id", &ordered.booking_id),
            row("payment", "payments", "id", &ordered.payment_id),
        ]
    };
    let payment_rows = || [row("payment", "payments", "id", &ordered.payment_id)];
    let with_payment = |more| payment_arguments(&ordered.payment_id, more);
    // Locks come before the check of the request id, so any id will do.
    let failure = json!({ "p_request_id": "1", "p_error_code": "X", "p_final": true });
    let stored = json!({ "p_request_id": "1", "p_order_id": "ORDER-1" });
    let authorized = json!({ "p_request_id": "1", "p_authorization_id": "A", "p_amount": "237.60", "p_currency": "USD" });
    vec![
        LockCase::waits(
            "begin_authorization",
            json!({ "p_order_id": ordered.order_id, "p_now": NOW }),
            rows(),
        ),
        LockCase::waits("record_authorization", with_payment(authorized), rows()),
        LockCase::waits("record_paypal_order", with_payment(stored), payment_rows()),
        LockCase::waits(
            "record_payment_failure",
            with_payment(failure),
            payment_rows(),
        ),
    ]
}

/// A payment with an authorization.
async fn paid_cases(db: &Database) -> Vec<LockCase> {
    let car_id = insert_car(db, "paid").await;
    let service = db.service().await;
    let paid = book_and_pay(&service, "paid", "2030-01-20", "2030-01-24", NOW).await;
    let rows = || {
        [
            row("car", "cars", "id", &car_id),
            row("booking", "bookings", "id", &paid.booking_id),
            row("payment", "payments", "id", &paid.payment_id),
        ]
    };
    let [_, booking, payment] = rows();
    let operator = || operator_request(&paid.booking_id, NOW);
    let captures = "public.process_scheduled_payment_captures";
    let mut cases = vec![
        LockCase::waits("claim_payment_capture", operator(), rows()),
        LockCase::waits("claim_reauthorization", operator(), rows()),
        LockCase::skips(
            "process_scheduled_payment_captures",
            json!({ "p_limit": 25, "p_now": DUE }),
            [(captures, booking), (captures, payment)],
        ),
    ];
    let lease = UNKNOWN_ID;
    for (function, more) in [
        ("begin_void", json!({ "p_authorization_id": "A" })),
        ("record_void", json!({ "p_request_id": "1" })),
        (
            "record_capture",
            json!({ "p_lease": lease, "p_request_id": "1", "p_capture_id": "C", "p_amount": "237.60" }),
        ),
        (
            "record_capture_failure",
            json!({ "p_lease": lease, "p_request_id": "1", "p_error_code": "X", "p_kind": "final" }),
        ),
        (
            "record_reauthorization",
            json!({ "p_lease": lease, "p_request_id": "1", "p_authorization_id": "A" }),
        ),
        (
            "record_observed_capture",
            json!({ "p_capture_id": "C", "p_amount": "237.60" }),
        ),
        ("record_observed_end", json!({ "p_status": "voided" })),
        ("record_observed_refunds", json!({ "p_total": "1.00" })),
    ] {
        let [_, _, payment] = rows();
        let arguments = payment_arguments(&paid.payment_id, more);
        cases.push(LockCase::waits(function, arguments, [payment]));
    }
    cases
}

/// PayPal refused the capture, and may still hold the money.
async fn failed_case(db: &Database) -> LockCase {
    insert_car(db, "failed").await;
    let service = db.service().await;
    let paid = book_and_pay(&service, "failed", "2030-01-20", "2030-01-24", NOW).await;
    let claim = claim_capture(&service, &paid.booking_id, NOW).await["claim"].clone();
    let failure = capture_failure(&claim, "final", NOW, NOW);
    call(&service, "record_capture_failure", failure).await;
    LockCase::waits(
        "cancel_booking",
        by_operator(&paid.booking_id, NOW),
        [row("payment", "payments", "id", &paid.payment_id)],
    )
}

fn payment_arguments(payment_id: &str, more: Value) -> Value {
    with(json!({ "p_payment_id": payment_id, "p_now": NOW }), more)
}

async fn insert_car(db: &Database, slug: &'static str) -> String {
    Car {
        slug,
        ..Car::default()
    }
    .insert(db)
    .await
}
