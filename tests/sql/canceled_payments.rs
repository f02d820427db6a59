//! The money of bookings that are cancelled: void, kept in part, given back.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::cancellations::{by_customer, by_operator, cancel, terms};
use crate::captures::failed;
use crate::database::{Database, call, with_database};
use crate::fixtures::{Car, NOW, Ordered, capture_of, claim, paid, take};

/// Five days before the pick-up: half goes back.
pub(crate) const HALF: &str = "2030-01-15T00:00:00Z";

/// A car, and a booking of it from the 20th to the 24th that is authorized.
pub(crate) async fn upcoming(db: &Database) -> (Client, Ordered) {
    Car::default().insert(db).await;
    let service = db.service().await;
    let booked = paid(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
    (service, booked)
}

/// The arguments by which an operator claims something about a booking.
pub(crate) fn operators(booking_id: &str, now: &str) -> Value {
    json!({ "p_booking_id": booking_id, "p_actor": "operator:1", "p_request_id": "req-2", "p_now": now })
}

/// Has an authorization void, and gives the request id under which it was.
pub(crate) async fn void(
    client: &Client,
    payment_id: &str,
    authorization_id: &Value,
    now: &str,
) -> String {
    let mark =
        json!({ "p_payment_id": payment_id, "p_authorization_id": authorization_id, "p_now": now });
    let begun = call(client, "begin_void", mark).await;
    assert_eq!(begun["outcome"], "void");
    let made =
        json!({ "p_payment_id": payment_id, "p_request_id": begun["requestId"], "p_now": now });
    assert_eq!(
        call(client, "record_void", made).await,
        json!({ "outcome": "recorded" })
    );
    begun["requestId"].as_str().unwrap().to_owned()
}

/// The refunds of a database: amount, key, actor, reason and status of each.
pub(crate) async fn refunds(db: &Database) -> Option<String> {
    let each = "concat_ws(' ', amount, idempotency_key, actor, reason, status)";
    db.value(&format!(
        "SELECT string_agg({each}, ', ' ORDER BY ordered_at, id) FROM refunds"
    ))
    .await
}

#[tokio::test]
async fn what_is_not_kept_at_all_is_void() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let answer = cancel(&service, by_customer(&booked.booking_id, NOW)).await;
        assert_eq!(terms(&answer), "100 237.60 pending void");
        assert_eq!(
            claim(&service, 25, "2030-02-01T00:00:00Z").await,
            Vec::<Value>::new()
        );
        let capture = call(
            &service,
            "claim_payment_capture",
            operators(&booked.booking_id, NOW),
        )
        .await;
        assert_eq!(capture, json!({ "outcome": "not_capturable" }));
        let due = call(
            &service,
            "authorizations_to_void",
            json!({ "p_now": "2030-01-10T12:02:00Z" }),
        )
        .await;
        assert_eq!(
            (&due[0]["authorizationId"], &due[0]["reason"]),
            (&answer["authorizationId"], &json!("booking_cancelled"))
        );

        void(
            &service,
            &booked.payment_id,
            &answer["authorizationId"],
            NOW,
        )
        .await;
        let after = cancel(&service, by_customer(&booked.booking_id, NOW)).await;
        assert_eq!(terms(&after), "100 237.60 voided none");
        assert_eq!(refunds(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn only_the_part_that_is_kept_is_captured() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        let to_void = call(
            &service,
            "authorizations_to_void",
            json!({ "p_now": "2030-02-01T00:00:00Z" }),
        )
        .await;
        assert_eq!(to_void, json!([]));
        // At once, days before the schedule of the booking.
        let claimed = claim(&service, 25, HALF).await.remove(0);
        assert_eq!(
            (&claimed["amount"], &claimed["bookingId"]),
            (&json!("118.80"), &json!(booked.booking_id))
        );
        let meanwhile = cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        assert_eq!(terms(&meanwhile), "50 118.80 pending none");
        assert_eq!(
            call(&service, "record_capture", capture_of(&claimed, HALF)).await,
            json!({ "outcome": "captured" })
        );
        let after = cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        assert_eq!(terms(&after), "50 118.80 voided none");
        assert_eq!(
            claim(&service, 25, "2030-02-01T00:00:00Z").await,
            Vec::<Value>::new()
        );
        assert_eq!(
            db.count(
                "payments",
                "status = 'captured' AND captured_amount = 118.80 AND amount = 237.60"
            )
            .await,
            1
        );
        assert_eq!(refunds(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn an_operator_captures_the_part_that_is_kept_and_no_more() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        assert_eq!(take(&service, &booked, HALF).await["amount"], "118.80");
        assert_eq!(refunds(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_capture_of_all_and_one_of_a_part_never_share_an_id() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booked = paid(&service, "plain", "2030-01-20", "2030-01-24", HALF).await;
        let whole = call(
            &service,
            "claim_payment_capture",
            operators(&booked.booking_id, HALF),
        )
        .await["claim"]
            .clone();
        assert_eq!(
            (&whole["amount"], &whole["requestId"]),
            (
                &json!("237.60"),
                &json!(format!("{}:capture:1", booked.payment_id))
            )
        );
        call(
            &service,
            "record_capture_failure",
            failed(&whole, "retryable", "2030-01-15T12:00:00Z", HALF),
        )
        .await;
        cancel(
            &service,
            by_customer(&booked.booking_id, "2030-01-15T00:01:00Z"),
        )
        .await;
        // The wait that was for the whole is over, too.
        let part = claim(&service, 25, "2030-01-15T00:01:00Z").await.remove(0);
        assert_eq!(
            (&part["amount"], &part["reauthorizeRequestId"]),
            (&json!("118.80"), &Value::Null)
        );
        assert_eq!(
            (&part["requestId"], &part["resumed"]),
            (
                &json!(format!("{}:capture:2", booked.payment_id)),
                &json!(false)
            )
        );
    })
    .await;
}

#[tokio::test]
async fn money_that_is_being_taken_is_waited_for() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let in_progress =
            json!({ "outcome": "payment_in_progress", "paymentId": booked.payment_id });
        let first = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        // A lease that has lapsed says nothing about the money.
        for now in [
            "2030-01-19T10:00:01Z",
            "2030-01-19T10:02:00Z",
            "2030-01-19T12:00:00Z",
        ] {
            assert_eq!(
                cancel(&service, by_operator(&booked.booking_id, now)).await,
                in_progress,
                "{now}"
            );
        }
        let second = claim(&service, 1, "2030-01-19T12:00:00Z").await.remove(0);
        let unknown = failed(
            &second,
            "unknown",
            "2030-01-19T12:15:00Z",
            "2030-01-19T12:00:01Z",
        );
        call(&service, "record_capture_failure", unknown).await;
        assert_eq!(
            cancel(
                &service,
                by_operator(&booked.booking_id, "2030-01-19T12:00:02Z")
            )
            .await,
            in_progress
        );
        assert_eq!(db.count("bookings", "status = 'upcoming'").await, 1);
        call(
            &service,
            "record_capture",
            capture_of(&first, "2030-01-19T12:00:03Z"),
        )
        .await;
        let answer = cancel(
            &service,
            by_operator(&booked.booking_id, "2030-01-19T12:00:04Z"),
        )
        .await;
        assert_eq!(terms(&answer), "100 237.60 pending refund");
    })
    .await;
}

#[tokio::test]
async fn a_renewal_that_nobody_came_back_from_stands_in_nobodys_way() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let renewal = call(
            &service,
            "claim_reauthorization",
            operators(&booked.booking_id, NOW),
        )
        .await;
        assert_eq!(renewal["outcome"], "claimed");
        let early = cancel(
            &service,
            by_customer(&booked.booking_id, "2030-01-10T12:01:59Z"),
        )
        .await;
        assert_eq!(
            early,
            json!({ "outcome": "payment_in_progress", "paymentId": booked.payment_id })
        );
        let answer = cancel(
            &service,
            by_customer(&booked.booking_id, "2030-01-10T12:02:00Z"),
        )
        .await;
        assert_eq!(terms(&answer), "100 237.60 pending void");
        assert_eq!(
            db.count(
                "payments",
                "status = 'authorized' AND lease_id IS NULL AND void_reason = 'booking_cancelled'"
            )
            .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_captured_is_refunded_as_far_as_it_is_left() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        take(&service, &booked, NOW).await;
        let answer = cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        assert_eq!(terms(&answer), "50 118.80 pending refund");
        assert_eq!(refunds(&db).await.as_deref(), Some("118.80 cancellation customer booking_cancelled ordered"));
        assert_eq!(answer["refundId"].as_str(), db.value("SELECT id FROM refunds").await.as_deref());
        let begun = call(&service, "begin_refund", json!({ "p_refund_id": answer["refundId"], "p_now": HALF })).await;
        let made = json!({ "p_refund_id": answer["refundId"], "p_request_id": begun["requestId"], "p_paypal_refund_id": "REFUND-1", "p_now": HALF });
        assert_eq!(call(&service, "record_refund", made).await["outcome"], "recorded");
        let after = cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        assert_eq!(terms(&after), "50 118.80 refunded none");

        // Of another, 200.00 went back before or will, so 37.60 are left; of the last, everything did.
        for (by_paypal, by_us, expected) in [("150.00", Some("50.00"), "50 37.60 pending refund"), ("237.60", None, "50 0.00 none none")] {
            let other = paid(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
            take(&service, &other, NOW).await;
            call(&service, "record_observed_refunds", json!({ "p_payment_id": other.payment_id, "p_total": by_paypal, "p_now": NOW })).await;
            if let Some(amount) = by_us {
                let order = json!({ "p_booking_id": other.booking_id, "p_actor": "operator:1", "p_amount": amount, "p_now": NOW });
                assert_eq!(call(&service, "order_refund", order).await["outcome"], "ordered");
            }
            assert_eq!(terms(&cancel(&service, by_customer(&other.booking_id, HALF)).await), expected);
        }
    })
    .await;
}
