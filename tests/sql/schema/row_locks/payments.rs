//! The locks of the functions of payments.

use super::rows::{insert_car, order_again, payment_row, rows_of};
use crate::support::{
    cancellation::by_operator,
    database::{Database, call},
    fixtures::{
        NOW, UNKNOWN_ID, authorization, begin_authorization, book_and_pay, hold, order, payment_of,
        with,
    },
    operator::operator_request,
    row_locks::{LockCase, Row, row},
};
use serde_json::{Value, json};

/// The moment at which the paid booking is due for capture.
const DUE: &str = "2030-02-01T00:00:00Z";

/// The claim of an authorization that began at `NOW` has expired.
const UNCLAIMED: &str = "2030-01-10T12:05:00Z";

/// Nobody can find an order any more that was requested at `NOW`.
const LOST: &str = "2030-01-10T17:00:00Z";

pub(super) async fn cases(db: &Database) -> Vec<LockCase> {
    let mut cases = unpaid_cases(db).await;
    cases.extend(authorization_cases(db).await);
    cases.extend(paid_again_cases(db).await);
    cases.extend(paid_cases(db).await);
    cases
}

/// A payment without an authorization, and one whose order was lost.
async fn unpaid_cases(db: &Database) -> Vec<LockCase> {
    let car_id = insert_car(db, "unpaid").await;
    let service = db.service().await;
    let booking = hold(&service, "unpaid", "2030-02-01", "2030-02-05", NOW).await;
    let ordered = order(&service, &booking, NOW).await;
    let lost = hold(&service, "unpaid", "2030-03-01", "2030-03-05", NOW).await;
    let lost = call(&service, "open_payment", payment_of(&lost, NOW)).await;
    let lost = payment_row(lost["paymentId"].as_str().unwrap());
    let payment = || [payment_row(&ordered.payment_id)];
    let with_payment = |more| payment_arguments(&ordered.payment_id, more);
    // Locks come before the check of the request id, so any id will do.
    let failure = json!({ "p_request_id": "1", "p_error_code": "X", "p_kind": "ended" });
    let stored = json!({ "p_request_id": "1", "p_order_id": "ORDER-1" });
    vec![
        LockCase::waits(
            "begin_authorization",
            json!({ "p_order_id": ordered.order_id, "p_now": NOW }),
            rows_of(&car_id, &ordered),
        ),
        LockCase::waits("record_paypal_order", with_payment(stored), payment()),
        LockCase::waits(
            "end_paypal_order",
            json!({ "p_order_id": ordered.order_id, "p_error_code": "X", "p_now": NOW }),
            payment(),
        ),
        LockCase::waits("record_payment_failure", with_payment(failure), payment()),
        LockCase::skips(
            "close_lost_orders",
            json!({ "p_now": LOST }),
            [("public.close_lost_orders", lost)],
        ),
    ]
}

/// The second payment of a booking is authorized. The first is marked as replaced.
async fn authorization_cases(db: &Database) -> Vec<LockCase> {
    let car_id = insert_car(db, "authorized").await;
    let service = db.service().await;
    let (first, second) = order_again(&service, "authorized").await;
    begin_authorization(&service, &second.order_id, NOW).await;
    let observed = json!({ "p_payment_id": second.payment_id, "p_order_id": second.order_id, "p_authorization_id": "A",
                           "p_status": "authorized", "p_now": UNCLAIMED });
    let recorded = authorization(&second.payment_id, NOW);
    [
        ("record_authorization", recorded),
        ("record_observed_authorization", observed),
    ]
    .map(|(function, arguments)| {
        LockCase::waits(function, arguments, rows_of(&car_id, &second))
            .and_updates([payment_row(&first.payment_id)])
    })
    .into()
}

/// A booking with a refused payment and an authorized one.
async fn paid_again_cases(db: &Database) -> Vec<LockCase> {
    let car_id = insert_car(db, "again").await;
    let service = db.service().await;
    let (first, second) = order_again(&service, "again").await;
    begin_authorization(&service, &second.order_id, NOW).await;
    let authorized = authorization(&second.payment_id, NOW);
    call(&service, "record_authorization", authorized).await;
    let rows = || -> [Row; 4] {
        let [car, booking, payment] = rows_of(&car_id, &second);
        [car, booking, payment_row(&first.payment_id), payment]
    };
    let operator = || operator_request(&second.booking_id, NOW);
    vec![
        LockCase::waits("claim_payment_capture", operator(), rows()),
        LockCase::waits("claim_reauthorization", operator(), rows()),
        LockCase::waits(
            "cancel_booking",
            by_operator(&second.booking_id, NOW),
            rows(),
        ),
    ]
}

/// A payment with an authorization.
async fn paid_cases(db: &Database) -> Vec<LockCase> {
    insert_car(db, "paid").await;
    let service = db.service().await;
    let paid = book_and_pay(&service, "paid", "2030-01-20", "2030-01-24", NOW).await;
    let booking = || row("booking", "bookings", "id", &paid.booking_id);
    let payment = || payment_row(&paid.payment_id);
    let captures = "internal.lock_due_captures";
    let mut cases = vec![LockCase::skips(
        "process_scheduled_payment_captures",
        json!({ "p_limit": 25, "p_now": DUE }),
        [(captures, booking()), (captures, payment())],
    )];
    let failure = json!({ "p_request_id": "1", "p_error_code": "X", "p_kind": "ended" });
    let claimed = |more| with(json!({ "p_lease": UNKNOWN_ID, "p_request_id": "1" }), more);
    let one_capture = json!({ "p_capture_id": "C", "p_amount": "237.60" });
    for (function, more) in [
        ("begin_void", json!({ "p_authorization_id": "A" })),
        ("record_void", json!({ "p_request_id": "1" })),
        ("record_void_failure", failure.clone()),
        ("record_capture_failure", claimed(failure.clone())),
        (
            "record_reauthorization",
            claimed(json!({ "p_authorization_id": "A" })),
        ),
        ("record_reauthorization_failure", failure),
    ] {
        let arguments = payment_arguments(&paid.payment_id, more);
        cases.push(LockCase::waits(function, arguments, [payment()]));
    }
    for (function, more) in [
        ("record_capture", claimed(one_capture.clone())),
        ("record_observed_capture", one_capture),
        ("record_observed_end", json!({ "p_status": "voided" })),
    ] {
        let arguments = payment_arguments(&paid.payment_id, more);
        cases.push(LockCase::waits(function, arguments, [booking(), payment()]));
    }
    cases
}

fn payment_arguments(payment_id: &str, more: Value) -> Value {
    with(json!({ "p_payment_id": payment_id, "p_now": NOW }), more)
}
