//! Refunds that PayPal shows: `record_observed_refund`.

use crate::support::{
    cancellation::{by_operator, cancel, refund_terms},
    database::{Database, call, try_call, with_database},
    fixtures::{NOW, OrderedBooking, UNKNOWN_ID, upcoming_booking, with},
    operator::operator_request,
    refund::{
        begin_refund, captured_booking, keyed_refund, order_refund, payment_status, refund_success,
        refund_summary,
    },
};
use serde_json::{Value, json};
use tokio_postgres::{Client, error::SqlState};

/// A refund of the booking's capture that PayPal shows.
fn observed(booking: &OrderedBooking, id: &str, amount: &str, status: &str) -> Value {
    json!({ "p_payment_id": booking.payment_id, "p_paypal_refund_id": id, "p_capture_id": format!("CAPTURE-{}", booking.payment_id),
            "p_amount": amount, "p_status": status, "p_now": NOW })
}

async fn record(client: &Client, arguments: Value) -> String {
    let result = call(client, "record_observed_refund", arguments).await;
    result["outcome"].as_str().unwrap().to_owned()
}

async fn refund_states(db: &Database) -> String {
    let rows = "SELECT string_agg(concat_ws(' ', amount, idempotency_key, status, paypal_refund_id), ', ' ORDER BY ordered_at, idempotency_key) FROM refunds";
    db.value(rows).await.unwrap_or_default()
}

#[tokio::test]
async fn console_refunds_are_summed() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let (none, part) = ("captured 0.00", "partially_refunded 30.00");
        for (id, amount, status, outcome, expected) in [
            ("R1", "10.00", "pending", "recorded", none),
            ("R1", "10.00", "pending", "unchanged", none),
            ("R2", "20.00", "refused", "unchanged", none),
            (
                "R1",
                "10.00",
                "refunded",
                "recorded",
                "partially_refunded 10.00",
            ),
            ("R3", "20.00", "refunded", "recorded", part),
            ("R3", "20.00", "refunded", "unchanged", part),
            // A minute ago it was pending.
            ("R3", "20.00", "pending", "unchanged", part),
            ("R4", "207.60", "refunded", "recorded", "refunded 237.60"),
            // PayPal takes two back.
            ("R4", "207.60", "refused", "recorded", part),
            ("R4", "207.60", "pending", "unchanged", part),
            (
                "R1",
                "10.00",
                "refused",
                "recorded",
                "partially_refunded 20.00",
            ),
            ("R3", "20.00", "refused", "recorded", none),
        ] {
            let result = record(&service, observed(&booking, id, amount, status)).await;
            assert_eq!(
                (result.as_str(), payment_status(&db).await.as_str()),
                (outcome, expected),
                "{id} {status}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn reversal_counts_once() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let id = format!("CAPTURE-{}:reversal", booking.payment_id);
        assert_eq!(
            record(&service, observed(&booking, &id, "237.60", "refunded")).await,
            "recorded"
        );
        // PayPal lists the refund behind it later. No more than the capture went back.
        assert_eq!(
            record(&service, observed(&booking, "R1", "237.60", "refunded")).await,
            "recorded"
        );
        assert_eq!(payment_status(&db).await, "refunded 237.60");
        assert_eq!(
            record(&service, observed(&booking, &id, "237.60", "refused")).await,
            "recorded"
        );
        assert_eq!(payment_status(&db).await, "refunded 237.60");
    })
    .await;
}

#[tokio::test]
async fn lost_refund_of_ours_is_recognized() {
    // By its custom id, or by capture and amount if PayPal does not show the custom id.
    for has_custom_id in [true, false] {
        with_database(move |db| async move {
            let (service, booking) = captured_booking(&db).await;
            let id = order_refund(&service, keyed_refund(&booking.booking_id, "50.00", "a")).await;
            let attempt = begin_refund(&service, &id, NOW).await;
            let mut seen = observed(&booking, "R1", "50.00", "pending");
            if has_custom_id {
                seen["p_refund_id"] = id.clone();
            }
            assert_eq!(record(&service, seen.clone()).await, "recorded");
            assert_eq!(refund_states(&db).await, "50.00 operator:a pending R1");
            assert_eq!(
                db.count(
                    "payment_operations",
                    "operation = 'refund' AND status = 'succeeded' AND result_id = 'R1'"
                )
                .await,
                1
            );
            // The answer arrives late.
            let late = with(
                refund_success(&id, &attempt["requestId"], NOW),
                json!({ "p_paypal_refund_id": "R1" }),
            );
            assert_eq!(
                call(&service, "record_refund", late).await["outcome"],
                "replayed"
            );
            assert_eq!(
                record(&service, with(seen, json!({ "p_status": "refunded" }))).await,
                "recorded"
            );
            assert_eq!(payment_status(&db).await, "partially_refunded 50.00");
        })
        .await;
    }
}

#[tokio::test]
async fn refund_seen_before_its_answer_is_one_refund() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        // PayPal shows it with another amount, so it is not recognized as ours.
        assert_eq!(
            record(&service, observed(&booking, "R1", "49.00", "refunded")).await,
            "recorded"
        );
        let id = order_refund(&service, keyed_refund(&booking.booking_id, "50.00", "a")).await;
        let attempt = begin_refund(&service, &id, NOW).await;
        let answer = with(
            refund_success(&id, &attempt["requestId"], NOW),
            json!({ "p_paypal_refund_id": "R1" }),
        );
        assert_eq!(
            call(&service, "record_refund", answer).await["outcome"],
            "recorded"
        );
        assert_eq!(payment_status(&db).await, "partially_refunded 50.00");
    })
    .await;
}

#[tokio::test]
async fn unfinished_refund_is_not_refundable_again() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let id = order_refund(&service, keyed_refund(&booking.booking_id, "200.00", "a")).await;
        let attempt = begin_refund(&service, &id, NOW).await;
        let pending = with(
            refund_success(&id, &attempt["requestId"], NOW),
            json!({ "p_status": "pending" }),
        );
        let result = call(&service, "record_refund", pending).await;
        assert_eq!(
            (&result["outcome"], &result["status"]),
            (&json!("recorded"), &json!("pending"))
        );
        assert_eq!(payment_status(&db).await, "captured 0.00");
        let rest = call(
            &service,
            "order_refund",
            keyed_refund(&booking.booking_id, "37.61", "b"),
        )
        .await;
        assert_eq!(
            (&rest["outcome"], &rest["rest"]),
            (&json!("refund_exceeds_rest"), &json!("37.60"))
        );
        let result = begin_refund(&service, &id, "2030-01-10T14:00:00Z").await;
        assert_eq!(
            (&result["outcome"], &result["status"]),
            (&json!("nothing_to_do"), &json!("pending"))
        );
        // It fails, so the amount can be refunded again.
        assert_eq!(
            record(
                &service,
                observed(&booking, "REFUND-1", "200.00", "refused")
            )
            .await,
            "recorded"
        );
        assert_eq!(
            refund_states(&db).await,
            "200.00 operator:a refused REFUND-1"
        );
        let again = call(
            &service,
            "order_refund",
            operator_request(&booking.booking_id, NOW),
        )
        .await;
        assert_eq!(
            (&again["outcome"], &again["amount"]),
            (&json!("ordered"), &json!("237.60"))
        );
    })
    .await;
}

#[tokio::test]
async fn failed_refund_of_cancellation_is_told() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let result = cancel(&service, by_operator(&booking.booking_id, NOW)).await;
        let attempt = begin_refund(&service, &result["refundId"], NOW).await;
        let pending = with(
            refund_success(&result["refundId"], &attempt["requestId"], NOW),
            json!({ "p_status": "pending" }),
        );
        call(&service, "record_refund", pending).await;
        let read = async || cancel(&service, by_operator(&booking.booking_id, NOW)).await;
        assert_eq!(refund_terms(&read().await), "100 237.60 pending none");
        assert_eq!(
            record(
                &service,
                observed(&booking, "REFUND-1", "237.60", "refused")
            )
            .await,
            "recorded"
        );
        let refused = read().await;
        assert_eq!(refund_terms(&refused), "100 237.60 refused none");
        assert_eq!(refused["failureCode"], "refund_failed");
        // It is not ordered again by itself. An operator gives the money back in another way.
        assert_eq!(
            refund_summary(&db).await.as_deref(),
            Some("237.60 cancellation operator:1 booking_cancelled refused")
        );
        assert_eq!(
            record(&service, observed(&booking, "R2", "237.60", "refunded")).await,
            "recorded"
        );
        let refunded = read().await;
        assert_eq!(refund_terms(&refunded), "100 237.60 refunded none");
        assert_eq!(refunded["failureCode"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn refund_of_unknown_capture_is_left_out() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let before = db.content().await;
        assert_eq!(
            record(&service, observed(&booking, "R1", "10.00", "refunded")).await,
            "unchanged"
        );
        let unknown = with(
            observed(&booking, "R1", "10.00", "refunded"),
            json!({ "p_payment_id": UNKNOWN_ID }),
        );
        assert_eq!(record(&service, unknown).await, "unchanged");
        let error = try_call(
            &service,
            "record_observed_refund",
            observed(&booking, "R1", "10.00", "perhaps"),
        )
        .await;
        assert_eq!(
            error.unwrap_err().code(),
            Some(&SqlState::INVALID_PARAMETER_VALUE)
        );
        assert_eq!(db.content().await, before);
    })
    .await;
}
