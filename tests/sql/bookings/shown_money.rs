//! The money that `get_booking` shows, in each state of a payment.

use crate::support::{
    cancellation::{HALF_REFUND_AT, by_customer, by_operator, cancel, void_authorization},
    database::{Database, call, with_database},
    fixtures::{NOW, authorization, begin_authorization, ordered_booking, upcoming_booking, with},
    operator::claim_reauthorization,
    refund::captured_booking,
};
use exodrive::domain::payment_amounts::{AmountFacts, amounts};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The booking as it is stored. Every test has one.
async fn read(service: &Client, now: &str) -> Value {
    let bookings = call(service, "list_bookings", json!({ "p_now": now })).await;
    let booking = bookings["bookings"][0].clone();
    let id = json!({ "p_booking_id": booking["bookingId"], "p_now": now });
    assert_eq!(call(service, "get_booking", id).await, booking, "the list");
    booking
}

/// The shown amounts: authorized, held, released, captured, refunded, refunds that are not done,
/// and kept. A zero is written `0`.
fn shown(booking: &Value) -> String {
    let facts: Vec<AmountFacts> = serde_json::from_value(booking["amountFacts"].clone()).unwrap();
    let amounts = serde_json::to_value(amounts(&facts)).unwrap();
    let names = [
        "authorizedAmount",
        "heldAmount",
        "releasedAmount",
        "capturedAmount",
        "refundedAmount",
        "pendingRefundAmount",
        "keptAmount",
    ];
    assert_eq!(amounts.as_object().unwrap().len(), names.len());
    let text = names.map(|name| match amounts[name].as_str().unwrap() {
        "0.00" => "0",
        amount => amount,
    });
    text.join(" ")
}

/// Writes rows that only PayPal's answers lead to.
async fn put(db: &Database, statements: &str) {
    db.run(&format!(
        "BEGIN; SET LOCAL session_replication_role = replica; {statements}; COMMIT"
    ))
    .await;
}

const CAPTURED: &str = "UPDATE payments SET status = 'captured', capture_id = 'C1', captured_at = '2030-01-11', captured_amount = 237.60, hold_ended_at = '2030-01-11';
    INSERT INTO payment_captures SELECT 'C1', id, 237.60, 'completed', '2030-01-11', '2030-01-11' FROM payments";

fn refund(amount: &str, status: &str) -> String {
    let finished = if matches!(status, "ordered" | "pending") {
        "NULL"
    } else {
        "'2030-01-12'"
    };
    let pending = if status == "pending" {
        "'2030-01-12'"
    } else {
        "NULL"
    };
    format!(
        "{CAPTURED}; INSERT INTO refunds (payment_id, amount, idempotency_key, actor, status, capture_id, ordered_at, finished_at, pending_since)
         SELECT id, {amount}, '{status}', 'operator:1', '{status}', 'C1', '2030-01-12', {finished}, {pending} FROM payments"
    )
}

/// The amounts, the next capture and the wait of each state.
#[tokio::test]
async fn each_state_shows_its_own_amounts() {
    let never = (Value::Null, Value::Null, Value::Null);
    let planned = (json!("2030-01-19T10:00:00Z"), json!("237.60"), Value::Null);
    let retried = (json!("2030-01-19T12:00:00Z"), json!("237.60"), Value::Null);
    let waiting = (Value::Null, Value::Null, json!("2030-01-12T00:00:00Z"));
    let states: Vec<(String, &str, _)> = vec![
        ("SELECT".into(), "237.60 237.60 0 0 0 0 0", planned.clone()),
        ("UPDATE payments SET next_attempt_at = '2030-01-19 12:00+00'".into(), "237.60 237.60 0 0 0 0 0", retried.clone()),
        ("UPDATE payments SET status = 'capturing'".into(), "237.60 237.60 0 0 0 0 0", planned),
        ("UPDATE payments SET status = 'authorization_pending', pending_since = '2030-01-12'".into(), "0 0 0 0 0 0 0", waiting.clone()),
        ("UPDATE payments SET status = 'failed', failure_code = 'authorization_denied'".into(), "0 0 0 0 0 0 0", never.clone()),
        ("UPDATE payments SET status = 'voided', voided_at = '2030-01-12', hold_ended_at = '2030-01-12'".into(), "237.60 0 237.60 0 0 0 0", never.clone()),
        ("UPDATE payments SET status = 'expired'".into(), "237.60 0 237.60 0 0 0 0", never.clone()),
        ("UPDATE payments SET authorization_expires_at = '2030-01-18'".into(), "237.60 0 237.60 0 0 0 0", never.clone()),
        ("UPDATE payments SET status = 'failed', failure_code = 'INSTRUMENT_DECLINED'".into(), "237.60 237.60 0 0 0 0 0", never.clone()),
        ("UPDATE payments SET status = 'failed', next_attempt_at = '2030-01-19 12:00+00'".into(), "237.60 237.60 0 0 0 0 0", retried),
        ("UPDATE payments SET status = 'failed', next_attempt_at = '2030-01-19 12:00+00', hold_ended_at = '2030-01-12'".into(), "237.60 0 237.60 0 0 0 0", never.clone()),
        ("UPDATE payments SET void_reason = 'replaced'".into(), "237.60 237.60 0 0 0 0 0", never.clone()),
        ("UPDATE payments SET status = 'capture_pending', capture_id = 'C1', pending_since = '2030-01-12';
          INSERT INTO payment_captures SELECT 'C1', id, 237.60, 'pending', now(), now() FROM payments".into(), "237.60 237.60 0 0 0 0 0", waiting.clone()),
        ("UPDATE payments SET status = 'failed', failure_code = 'capture_declined', hold_ended_at = '2030-01-12';
          INSERT INTO payment_captures SELECT 'C1', id, 237.60, 'declined', now(), now() FROM payments".into(), "237.60 0 237.60 0 0 0 0", never.clone()),
        (CAPTURED.into(), "237.60 0 0 237.60 0 0 237.60", never.clone()),
        (format!("{CAPTURED}; UPDATE payments SET captured_amount = 118.80; UPDATE payment_captures SET amount = 118.80"), "237.60 0 118.80 118.80 0 0 118.80", never.clone()),
        (format!("{CAPTURED}; UPDATE payments SET captured_amount = 118.80, hold_ended_at = NULL; UPDATE payment_captures SET amount = 118.80"), "237.60 118.80 0 118.80 0 0 118.80", never.clone()),
        (format!("{CAPTURED}; INSERT INTO payment_captures SELECT 'C2', id, 10.00, 'completed', now(), now() FROM payments"), "247.60 0 0 247.60 0 0 247.60", never.clone()),
        (refund("37.60", "ordered"), "237.60 0 0 237.60 0 37.60 237.60", never.clone()),
        (refund("37.60", "pending"), "237.60 0 0 237.60 0 37.60 237.60", waiting),
        (refund("37.60", "refused"), "237.60 0 0 237.60 0 0 237.60", never.clone()),
        (refund("37.60", "refunded"), "237.60 0 0 237.60 37.60 0 200.00", never.clone()),
        (refund("237.60", "refunded"), "237.60 0 0 237.60 237.60 0 0", never),
    ];
    with_database(|db| async move {
        let (service, _) = upcoming_booking(&db).await;
        put(&db, "CREATE TABLE internal.first AS SELECT * FROM payments").await;
        for (statements, amounts, (due, amount, since)) in states {
            put(
                &db,
                "DELETE FROM refunds; DELETE FROM payment_captures; DELETE FROM payments",
            )
            .await;
            put(&db, "INSERT INTO payments SELECT * FROM internal.first").await;
            put(&db, &statements).await;
            let booking = read(&service, "2030-01-18T12:00:00Z").await;
            let payment = &booking["payment"];
            assert_eq!(shown(&booking), amounts, "{statements}");
            assert_eq!(payment["captureScheduledAt"], due, "{statements}");
            assert_eq!(payment["captureAmount"], amount, "{statements}");
            assert_eq!(payment["waitsForPayPalSince"], since, "{statements}");
        }
    })
    .await;
}

/// The amounts of a payment that was refunded, and of the one that replaced it.
#[tokio::test]
async fn amounts_cover_replaced_payments() {
    with_database(|db| async move {
        let (service, _) = upcoming_booking(&db).await;
        put(&db, &refund("237.60", "refunded")).await;
        put(
            &db,
            "UPDATE payments SET status = 'refunded', refunded_amount = 237.60, created_at = '2030-01-10';
             INSERT INTO payments (booking_id, amount, currency, status, order_id, order_created_at, authorization_id, authorized_at, authorization_expires_at, created_at)
             SELECT booking_id, amount, currency, 'authorized', 'O2', '2030-01-12', 'A2', '2030-01-12', '2030-02-10', '2030-01-12' FROM payments",
        )
        .await;
        let booking = read(&service, "2030-01-12T12:00:00Z").await;
        assert_eq!(booking["payment"]["authorizationId"], "A2");
        assert_eq!(booking["payment"]["status"], "authorized");
        assert_eq!(shown(&booking), "475.20 237.60 0 237.60 237.60 0 0");
    })
    .await;
}

/// Asserts that the booking shows the refund of the cancellation's response.
async fn assert_shows_cancellation(service: &Client, response: &Value, now: &str) -> Value {
    let booking = read(service, now).await;
    let cancellation = booking["cancellation"].clone();
    assert_eq!(cancellation["percent"], response["percent"]);
    assert_eq!(
        cancellation["refund"],
        json!({ "amount": response["amount"], "currency": response["currency"], "status": response["refundStatus"], "failureCode": response["failureCode"] })
    );
    assert_eq!(cancellation["cancelledAt"], booking["cancelledAt"]);
    booking
}

#[tokio::test]
async fn open_booking_shows_no_cancellation() {
    with_database(|db| async move {
        let (service, _) = upcoming_booking(&db).await;
        assert_eq!(read(&service, NOW).await["cancellation"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn half_cancellation_shows_part_to_be_captured() {
    with_database(|db| async move {
        let (service, paid) = upcoming_booking(&db).await;
        let request = by_customer(&paid.booking_id, HALF_REFUND_AT);
        let response = cancel(&service, request).await;
        let booking = assert_shows_cancellation(&service, &response, HALF_REFUND_AT).await;
        let payment = &booking["payment"];
        assert_eq!(payment["status"], "authorized");
        assert_eq!(payment["captureAmount"], "118.80");
        assert_eq!(payment["captureScheduledAt"], HALF_REFUND_AT);
        assert_eq!(shown(&booking), "237.60 237.60 0 0 0 0 0");
        assert_eq!(booking["cancellation"]["reason"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn voided_cancellation_shows_no_capture() {
    with_database(|db| async move {
        let (service, paid) = upcoming_booking(&db).await;
        let request = by_operator(&paid.booking_id, NOW);
        let response = cancel(&service, request.clone()).await;
        let booking = assert_shows_cancellation(&service, &response, NOW).await;
        assert_eq!(booking["payment"]["captureScheduledAt"], Value::Null);
        assert_eq!(booking["payment"]["captureAmount"], Value::Null);
        assert_eq!(shown(&booking), "237.60 237.60 0 0 0 0 0");

        void_authorization(
            &service,
            &paid.payment_id,
            &response["authorizationId"],
            NOW,
        )
        .await;
        let response = cancel(&service, request).await;
        let booking = assert_shows_cancellation(&service, &response, NOW).await;
        assert_eq!(booking["cancellation"]["refund"]["status"], "voided");
        assert_eq!(booking["payment"]["captureScheduledAt"], Value::Null);
        assert_eq!(shown(&booking), "237.60 0 237.60 0 0 0 0");
    })
    .await;
}

#[tokio::test]
async fn cancellation_after_capture_shows_refund() {
    with_database(|db| async move {
        let (service, paid) = captured_booking(&db).await;
        let request = by_customer(&paid.booking_id, HALF_REFUND_AT);
        let response = cancel(&service, request).await;
        let booking = assert_shows_cancellation(&service, &response, HALF_REFUND_AT).await;
        assert_eq!(booking["cancellation"]["refund"]["status"], "pending");
        assert_eq!(shown(&booking), "237.60 0 0 237.60 0 118.80 237.60");
    })
    .await;
}

/// PayPal may authorize another amount than the price. It is shown until it is voided, whoever
/// recorded it.
#[tokio::test]
async fn authorization_of_other_amount_shows_that_amount() {
    for is_observed in [false, true] {
        with_database(move |db| async move {
            let (service, _, payment) = ordered_booking(&db).await;
            let id = format!("AUTH-{}", payment.payment_id);
            if is_observed {
                let observed = json!({
                    "p_payment_id": payment.payment_id, "p_order_id": payment.order_id, "p_authorization_id": id,
                    "p_status": "authorized", "p_amount": "143.55", "p_currency": "USD", "p_now": NOW,
                });
                let result = call(&service, "record_observed_authorization", observed).await;
                assert_eq!(result["result"], "payment_mismatch");
            } else {
                begin_authorization(&service, &payment.order_id, NOW).await;
                let other = with(authorization(&payment.payment_id, NOW), json!({ "p_amount": "143.55" }));
                let result = call(&service, "record_authorization", other).await;
                assert_eq!(result["outcome"], "payment_mismatch");
            }
            assert_eq!(shown(&read(&service, NOW).await), "143.55 143.55 0 0 0 0 0");
            void_authorization(&service, &payment.payment_id, &json!(id), NOW).await;
            assert_eq!(shown(&read(&service, NOW).await), "143.55 0 143.55 0 0 0 0");
        })
        .await;
    }
}

/// A reauthorization may hold another amount than its authorization.
#[tokio::test]
async fn reauthorization_of_other_amount_shows_that_amount() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let now = "2030-01-14T00:00:00Z";
        let claim = claim_reauthorization(&service, &booking.booking_id, now).await;
        let success = json!({
            "p_payment_id": booking.payment_id, "p_lease": claim["lease"], "p_request_id": claim["requestId"],
            "p_authorization_id": "AUTH-NEW", "p_amount": "200.00", "p_now": now,
        });
        let result = call(&service, "record_reauthorization", success).await;
        assert_eq!(result, json!({ "outcome": "recorded" }));
        assert_eq!(shown(&read(&service, now).await), "200.00 200.00 0 0 0 0 0");
        let observed = json!({
            "p_payment_id": booking.payment_id, "p_order_id": booking.order_id, "p_authorization_id": "AUTH-CONSOLE",
            "p_status": "authorized", "p_amount": "210.00", "p_currency": "USD", "p_now": "2030-01-14T00:02:00Z",
        });
        let result = call(&service, "record_observed_authorization", observed).await;
        assert_eq!(result["outcome"], "recorded");
        assert_eq!(shown(&read(&service, now).await), "210.00 210.00 0 0 0 0 0");
    })
    .await;
}
