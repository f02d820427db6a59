//! The locks of the functions of refunds.

use crate::support::{
    capture::capture_payment,
    database::Database,
    fixtures::{Car, NOW, book_and_pay, with},
    refund::{begin_refund, keyed_refund, order_refund, refund_success},
    row_locks::{LockCase, row},
};
use serde_json::json;

pub(super) async fn cases(db: &Database) -> Vec<LockCase> {
    let car = Car {
        slug: "refunds",
        ..Car::default()
    };
    let car_id = car.insert(db).await;
    let service = db.service().await;
    let paid = book_and_pay(&service, "refunds", "2030-01-20", "2030-01-24", NOW).await;
    capture_payment(&service, &paid, NOW).await;
    let refund_id = order_refund(&service, keyed_refund(&paid.booking_id, "50.00", "a")).await;
    let request_id = begin_refund(&service, &refund_id, NOW).await["requestId"].clone();
    let payment = || row("payment", "payments", "id", &paid.payment_id);
    let refund = || row("refund", "refunds", "id", refund_id.as_str().unwrap());
    let success = || refund_success(&refund_id, &request_id, NOW);
    let mut failure = with(success(), json!({ "p_error_code": "X", "p_kind": "final" }));
    failure
        .as_object_mut()
        .unwrap()
        .remove("p_paypal_refund_id");
    vec![
        LockCase::waits(
            "order_refund",
            keyed_refund(&paid.booking_id, "10.00", "b"),
            [
                row("car", "cars", "id", &car_id),
                row("booking", "bookings", "id", &paid.booking_id),
                payment(),
            ],
        ),
        LockCase::waits(
            "begin_refund",
            json!({ "p_refund_id": refund_id, "p_now": NOW }),
            [payment(), refund()],
        ),
        LockCase::waits("record_refund", success(), [payment(), refund()]),
        LockCase::waits("record_refund_failure", failure, [payment()]).and_updates([refund()]),
    ]
}
