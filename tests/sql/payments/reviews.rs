//! Authorizations that PayPal reviews.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{
        NOW, OrderedBooking, begin_authorization, fail, hold, order, ordered_booking, payment_of,
        upcoming_booking, with,
    },
};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn record(service: &Client, claim: &Value, status: &str, now: &str) -> Value {
    let arguments = json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["requestId"], "p_authorization_id": "A1",
                            "p_amount": "237.60", "p_currency": "USD", "p_status": status, "p_now": now });
    call(service, "record_authorization", arguments).await
}

async fn reviewed_booking(db: &Database) -> (Client, Value, OrderedBooking, Value) {
    let (service, booking, payment) = ordered_booking(db).await;
    let claim = begin_authorization(&service, &payment.order_id, NOW).await;
    let result = record(&service, &claim, "authorization_pending", NOW).await;
    let expected = json!({ "outcome": "pending", "bookingStatus": "pending_payment", "authorizationId": "A1", "holdExpiresAt": "2030-01-13T12:00:00Z" });
    assert_eq!(result, with(claim.clone(), expected));
    (service, booking, payment, claim)
}

#[tokio::test]
async fn review_confirms_nothing_and_holds_days() {
    with_database(|db| async move {
        let (service, booking, payment, claim) = reviewed_booking(&db).await;
        let row = format!("status = 'authorization_pending' AND pending_since = '{NOW}' AND authorization_id = 'A1' AND void_reason IS NULL");
        assert_eq!(db.count("payments", &row).await, 1);
        // Asking again changes no deadline.
        let later = "2030-01-11T12:00:00Z";
        assert_eq!(record(&service, &claim, "authorization_pending", later).await["holdExpiresAt"], "2030-01-13T12:00:00Z");
        let again = begin_authorization(&service, &payment.order_id, later).await;
        assert_eq!(
            (&again["outcome"], &again["requestId"], &again["holdExpiresAt"]),
            (&json!("pending"), &claim["requestId"], &json!("2030-01-13T12:00:00Z"))
        );
        assert_eq!(call(&service, "open_payment", payment_of(&booking, later)).await, json!({ "outcome": "payment_in_progress" }));
        assert_eq!(db.count("payments", "true").await, 1);
        let end = json!({ "p_now": "2030-01-13T12:00:00Z" });
        assert_eq!(call(&service, "expire_holds", end).await["count"], 1);
    })
    .await;
}

#[tokio::test]
async fn review_does_not_hold_past_pickup_day() {
    with_database(|db| async move {
        crate::support::fixtures::Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-11", "2030-01-15", NOW).await;
        let payment = order(&service, &booking, NOW).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        let result = record(&service, &claim, "authorization_pending", NOW).await;
        assert_eq!(result["holdExpiresAt"], "2030-01-12T00:00:00Z");
        // PayPal decides when the rental should have begun.
        let late = record(&service, &claim, "authorized", "2030-01-12T00:00:00Z").await;
        assert_eq!(late["outcome"], "booking_not_payable");
    })
    .await;
}

#[tokio::test]
async fn good_review_confirms_booking() {
    with_database(|db| async move {
        let (service, _, payment, claim) = reviewed_booking(&db).await;
        // The hold is over, and its days are still free.
        let later = "2030-01-14T12:00:00Z";
        call(&service, "expire_holds", json!({ "p_now": later })).await;
        for outcome in ["confirmed", "replayed"] {
            let result = record(&service, &claim, "authorized", later).await;
            assert_eq!(
                (&result["outcome"], &result["bookingStatus"]),
                (&json!(outcome), &json!("upcoming"))
            );
        }
        let row =
            format!("status = 'authorized' AND pending_since IS NULL AND authorized_at = '{NOW}'");
        assert_eq!(db.count("payments", &row).await, 1);
        assert_eq!(
            begin_authorization(&service, &payment.order_id, later).await["outcome"],
            "already_authorized"
        );
    })
    .await;
}

/// Whatever the payment was, PayPal holds nothing of a denied authorization.
#[tokio::test]
async fn denied_authorization_holds_nothing() {
    for ended in [None, Some("expired"), Some("voided"), Some("failed")] {
        for reviewed in [false, true] {
            with_database(move |db| async move {
                let (service, _, payment) = ordered_booking(&db).await;
                let claim = begin_authorization(&service, &payment.order_id, NOW).await;
                if reviewed {
                    record(&service, &claim, "authorization_pending", NOW).await;
                }
                if let Some(status) = ended {
                    db.run(&format!("UPDATE payments SET status = '{status}', pending_since = NULL, failure_code = 'x'")).await;
                }
                let result = record(&service, &claim, "denied", NOW).await;
                assert_eq!(result["outcome"], "denied", "{ended:?}");
                let row = match ended {
                    None => format!("status = 'failed' AND failure_code = 'authorization_denied' AND hold_ended_at = '{NOW}'"),
                    Some(status) => format!("status = '{status}' AND failure_code = 'x'"),
                };
                assert_eq!(db.count("payments", &row).await, 1, "{ended:?} {reviewed}");
                let held = "internal.holds_money(payments, '2030-01-10T12:01:00Z')";
                assert_eq!(db.count("payments", held).await, 0, "{ended:?} {reviewed}");
                assert_eq!(db.count("payment_operations", "status = 'open'").await, 0);
            })
            .await;
        }
    }
}

/// However old the review is, PayPal says whether it can be voided.
#[tokio::test]
async fn old_review_of_canceled_booking_is_voided() {
    with_database(|db| async move {
        let (service, _, payment, _) = reviewed_booking(&db).await;
        let later = "2030-02-20T12:00:00Z";
        let cancelled = call(
            &service,
            "cancel_booking",
            json!({ "p_booking_id": payment.booking_id, "p_actor": "operator:1",
            "p_by_operator": true, "p_now": later }),
        )
        .await;
        assert_eq!(
            (&cancelled["refundStatus"], &cancelled["settlement"]),
            (&json!("pending"), &json!("void"))
        );
        let due = call(
            &service,
            "authorizations_to_void",
            json!({ "p_now": "2030-02-20T12:02:00Z" }),
        )
        .await;
        assert_eq!(due[0]["authorizationId"], "A1");
    })
    .await;
}

/// The first authorization holds the money of the booking.
#[tokio::test]
async fn denial_of_second_order_leaves_first_authorization() {
    with_database(|db| async move {
        let (service, booking, first) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &first.order_id, NOW).await;
        db.run("UPDATE payments SET lease_expires_at = NULL, order_created_at = '2030-01-10T08:00:00Z'").await;
        let second = order(&service, &booking, NOW).await;
        record(&service, &claim, "authorized", NOW).await;
        let before = db.value("SELECT row_to_json(p) FROM payments AS p").await;
        let operation = format!("{}:authorize:9", second.payment_id);
        db.run(&format!(
            "INSERT INTO payment_operations (request_id, payment_id, operation, seq, subject_id, started_at)
             VALUES ('{operation}', '{}', 'authorize', 9, '{}', '{NOW}')", second.payment_id, second.order_id)).await;
        let denied = json!({ "p_payment_id": second.payment_id, "p_request_id": operation, "p_authorization_id": "A2",
                             "p_amount": "237.60", "p_currency": "USD", "p_status": "denied", "p_now": NOW });
        assert_eq!(call(&service, "record_authorization", denied).await["outcome"], "denied");
        assert_eq!(db.value("SELECT row_to_json(p) FROM payments AS p").await, before);
    })
    .await;
}

#[tokio::test]
async fn good_review_of_taken_days_awaits_void() {
    with_database(|db| async move {
        let (service, _, _, claim) = reviewed_booking(&db).await;
        let later = "2030-01-14T12:00:00Z";
        hold(&service, "plain", "2030-01-22", "2030-01-26", later).await;
        let result = record(&service, &claim, "authorized", later).await;
        assert_eq!(result["outcome"], "dates_unavailable");
        let row = "status = 'authorized' AND void_reason = 'dates_unavailable'";
        assert_eq!(db.count("payments", row).await, 1);
    })
    .await;
}

#[tokio::test]
async fn bad_review_lets_customer_pay_otherwise() {
    with_database(|db| async move {
        let (service, booking, payment, claim) = reviewed_booking(&db).await;
        let later = "2030-01-10T20:00:00Z";
        for _ in 0..2 {
            assert_eq!(
                record(&service, &claim, "denied", later).await["outcome"],
                "denied"
            );
        }
        let row =
            "status = 'failed' AND failure_code = 'authorization_denied' AND pending_since IS NULL";
        assert_eq!(db.count("payments", row).await, 1);
        assert_eq!(
            begin_authorization(&service, &payment.order_id, later).await,
            json!({ "outcome": "order_ended" })
        );
        let held = json!({ "p_booking_id": booking["bookingId"], "p_now": later });
        assert_eq!(
            call(&service, "get_booking", held).await["holdExpiresAt"],
            "2030-01-10T20:15:00Z"
        );
        let second = order(&service, &booking, later).await;
        assert_ne!(second.payment_id, payment.payment_id);
        let claim = begin_authorization(&service, &second.order_id, later).await;
        fail(&service, &claim, "declined", later).await;
        assert_eq!(claim["outcome"], "authorize");
    })
    .await;
}

/// PayPal decides after the hold's hour, so the customer needs a new booking.
#[tokio::test]
async fn late_refusal_asks_for_new_booking() {
    with_database(|db| async move {
        let (service, booking, payment, claim) = reviewed_booking(&db).await;
        let decided = "2030-01-11T18:00:00Z";
        record(&service, &claim, "denied", decided).await;
        for later in ["2030-01-11T18:20:00Z", "2030-01-13T12:00:00Z"] {
            let expired = json!({ "outcome": "hold_expired" });
            let order = begin_authorization(&service, &payment.order_id, later).await;
            assert_eq!(order, expired, "{later}");
            let next = call(&service, "open_payment", payment_of(&booking, later)).await;
            assert_eq!(next, expired, "{later}");
        }
    })
    .await;
}

#[tokio::test]
async fn wrong_amount_under_review_awaits_void() {
    with_database(|db| async move {
        let (service, _, payment) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        let wrong = json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["requestId"], "p_authorization_id": "A1",
                            "p_amount": "237.59", "p_currency": "USD", "p_status": "authorization_pending", "p_now": NOW });
        assert_eq!(call(&service, "record_authorization", wrong).await["outcome"], "payment_mismatch");
        let row = "status = 'authorization_pending' AND void_reason = 'payment_mismatch'";
        assert_eq!(db.count("payments", row).await, 1);
        assert_eq!(db.count("security_events", "kind = 'payment_mismatch'").await, 1);
        assert_eq!(db.count("bookings", "hold_expires_at = '2030-01-10T12:15:00Z'").await, 1, "the hold is no longer");
    })
    .await;
}

#[tokio::test]
async fn canceled_booking_under_review_awaits_void() {
    with_database(|db| async move {
        let (service, _, _, claim) = reviewed_booking(&db).await;
        db.run("UPDATE bookings SET status = 'cancelled', cancelled_at = now(); UPDATE payments SET void_reason = 'booking_cancelled'").await;
        let result = record(&service, &claim, "authorized", NOW).await;
        assert_eq!(result["outcome"], "booking_not_payable");
        assert_eq!(db.count("payments", "void_reason = 'booking_cancelled'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn confirmed_booking_paid_again_under_review() {
    with_database(|db| async move {
        let (service, first) = upcoming_booking(&db).await;
        db.run("UPDATE payments SET status = 'expired'").await;
        let arguments = json!({ "p_booking_id": first.booking_id, "p_now": NOW });
        let booking = call(&service, "get_booking", arguments).await;
        let second = order(&service, &booking, NOW).await;
        let claim = begin_authorization(&service, &second.order_id, NOW).await;
        let result = record(&service, &claim, "authorization_pending", NOW).await;
        assert_eq!(
            (
                &result["outcome"],
                &result["bookingStatus"],
                &result["holdExpiresAt"]
            ),
            (&json!("pending"), &json!("upcoming"), &Value::Null)
        );
        assert_eq!(db.count("payments", "void_reason = 'replaced'").await, 0);
        assert_eq!(
            record(&service, &claim, "authorized", NOW).await["outcome"],
            "confirmed"
        );
        assert_eq!(db.count("payments", "void_reason = 'replaced'").await, 1);
    })
    .await;
}
