//! The locks of the functions of refunds.

use super::rows::{insert_car, order_again, payment_row, rows_of};
use crate::support::{
    capture::capture_payment,
    database::{Database, call},
    fixtures::{NOW, authorization, begin_authorization, with},
    refund::{begin_refund, keyed_refund, order_refund, refund_success},
    row_locks::{LockCase, row},
};
use serde_json::json;

pub(super) async fn cases(db: &Database) -> Vec<LockCase> {
    let car_id = insert_car(db, "refunds").await;
    let service = db.service().await;
    let (refused, paid) = order_again(&service, "refunds").await;
    begin_authorization(&service, &paid.order_id, NOW).await;
    let authorized = authorization(&paid.payment_id, NOW);
    call(&service, "record_authorization", authorized).await;
    capture_payment(&service, &paid, NOW).await;
    let refund_id = order_refund(&service, keyed_refund(&paid.booking_id, "50.00", "a")).await;
    let request_id = begin_refund(&service, &refund_id, NOW).await["requestId"].clone();
    let [car, booking, payment] = rows_of(&car_id, &paid);
    let refund = row("refund", "refunds", "id", refund_id.as_str().unwrap());
    let with_booking = || [booking.clone(), payment.clone(), refund.clone()];
    let result = json!({ "p_refund_id": refund_id, "p_request_id": request_id, "p_now": NOW });
    let failure = with(result, json!({ "p_error_code": "X", "p_kind": "ended" }));
    let observed = json!({ "p_payment_id": paid.payment_id, "p_paypal_refund_id": "REFUND-1", "p_capture_id": null,
                           "p_amount": "50.00", "p_status": "refunded", "p_refund_id": refund_id, "p_now": NOW });
    vec![
        LockCase::waits(
            "order_refund",
            keyed_refund(&paid.booking_id, "10.00", "b"),
            [
                car,
                booking.clone(),
                payment_row(&refused.payment_id),
                payment.clone(),
            ],
        ),
        LockCase::waits(
            "begin_refund",
            json!({ "p_refund_id": refund_id, "p_now": NOW }),
            [payment.clone(), refund.clone()],
        ),
        LockCase::waits(
            "record_refund",
            refund_success(&refund_id, &request_id, NOW),
            with_booking(),
        ),
        LockCase::waits("record_refund_failure", failure, [payment.clone()])
            .and_updates([refund.clone()]),
        LockCase::waits("record_observed_refund", observed, with_booking()),
    ]
}
