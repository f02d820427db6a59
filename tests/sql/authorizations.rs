//! From an approved order to a confirmed booking: `begin_authorization`, `record_authorization`, `record_payment_failure`.

use serde_json::{Value, json};

use crate::database::{Database, call, with_database};
use crate::fixtures::{Car, NOW, Ordered, authorization, begin, hold, order, rental, with};

async fn ordered(db: &Database) -> Ordered {
    Car::default().insert(db).await;
    let service = db.service().await;
    let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
    order(&service, &booking, NOW).await
}

fn failure(payment_id: &str, seq: u32, last: bool, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_request_id": format!("{payment_id}:authorize:{seq}"), "p_error_code": "SOME_CODE", "p_final": last, "p_now": now })
}

#[tokio::test]
async fn an_authorization_confirms_the_booking_and_schedules_the_capture() {
    with_database(|db| async move {
        let ordered = ordered(&db).await;
        let service = db.service().await;
        let begun = begin(&service, &ordered.order_id, NOW).await;
        let mut expected = json!({
            "outcome": "authorize", "paymentId": ordered.payment_id, "bookingId": ordered.booking_id, "reference": begun["reference"],
            "amount": "237.60", "currency": "USD", "requestId": format!("{}:authorize:1", ordered.payment_id), "resumed": false,
            "authorizationId": null, "captureScheduledAt": null, "carId": begun["carId"], "carSlug": "plain",
        });
        assert_eq!(begun, expected);
        let recorded = call(&service, "record_authorization", authorization(&ordered.payment_id, NOW)).await;
        let authorization_id = json!(format!("AUTH-{}", ordered.payment_id));
        expected = with(expected, json!({ "outcome": "confirmed", "authorizationId": authorization_id, "captureScheduledAt": "2030-01-19T10:00:00Z" }));
        assert_eq!(recorded, expected);
        let again = call(&service, "record_authorization", authorization(&ordered.payment_id, NOW)).await;
        assert_eq!(again, with(expected.clone(), json!({ "outcome": "replayed" })));
        assert_eq!(begin(&service, &ordered.order_id, NOW).await, with(expected, json!({ "outcome": "already_authorized", "requestId": null })));

        let read = call(&service, "get_booking", json!({ "p_booking_id": ordered.booking_id, "p_now": "2030-01-10T18:00:00Z" })).await;
        assert_eq!((&read["status"], &read["holdExpiresAt"]), (&json!("upcoming"), &Value::Null));
        assert_eq!(read["payment"], json!({
            "paymentId": ordered.payment_id, "status": "authorized", "orderId": ordered.order_id, "amount": "237.60", "currency": "USD",
            "authorizationId": authorization_id, "authorizationExpiresAt": "2030-02-08T12:00:00Z", "captureId": null, "refundedAmount": "0.00", "captureScheduledAt": "2030-01-19T10:00:00Z",
        }));
        assert_eq!(db.count("audit_log", "action = 'payment.authorized'").await, 1);
        assert_eq!(db.count("booking_events", "from_status = 'pending_payment' AND to_status = 'upcoming'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_order_authorizes_nothing() {
    with_database(|db| async move {
        let ordered = ordered(&db).await;
        let service = db.service().await;
        assert_eq!(
            begin(&service, "ORDER-UNKNOWN", NOW).await,
            json!({ "outcome": "order_not_found" })
        );
        assert_eq!(
            begin(&service, &format!("{}:order:1", ordered.payment_id), NOW).await,
            json!({ "outcome": "order_not_found" })
        );
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_its_id() {
    with_database(|db| async move {
        let ordered = ordered(&db).await;
        let service = db.service().await;
        let first = begin(&service, &ordered.order_id, NOW).await;
        assert_eq!(
            begin(&service, &ordered.order_id, "2030-01-10T12:00:59Z").await,
            json!({ "outcome": "payment_in_progress" })
        );
        let second = begin(&service, &ordered.order_id, "2030-01-10T12:01:00Z").await;
        assert_eq!(second, with(first.clone(), json!({ "resumed": true })));
        // Told that the outcome is unknown, the lease is free at once and the id stays.
        call(
            &service,
            "record_payment_failure",
            failure(&ordered.payment_id, 1, false, "2030-01-10T12:01:01Z"),
        )
        .await;
        assert_eq!(
            begin(&service, &ordered.order_id, "2030-01-10T12:01:02Z").await,
            second
        );
        assert_eq!(
            call(
                &service,
                "record_authorization",
                authorization(&ordered.payment_id, NOW)
            )
            .await["outcome"],
            "confirmed"
        );
    })
    .await;
}

#[tokio::test]
async fn after_a_refusal_the_payer_may_try_again() {
    with_database(|db| async move {
        let ordered = ordered(&db).await;
        let service = db.service().await;
        begin(&service, &ordered.order_id, NOW).await;
        let refused = failure(&ordered.payment_id, 1, true, NOW);
        assert_eq!(
            call(&service, "record_payment_failure", refused.clone()).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(
            call(&service, "record_payment_failure", refused).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(db.count("payments", "status = 'created'").await, 1);
        let again = begin(&service, &ordered.order_id, NOW).await;
        assert_eq!(
            (&again["outcome"], &again["resumed"]),
            (&json!("authorize"), &json!(false))
        );
        assert_eq!(
            again["requestId"],
            format!("{}:authorize:2", ordered.payment_id)
        );
    })
    .await;
}

#[tokio::test]
async fn a_wrong_amount_or_currency_confirms_nothing() {
    for (amount, currency) in [
        ("237.59", "USD"),
        ("1.00", "USD"),
        ("237.61", "USD"),
        ("237.60", "EUR"),
    ] {
        with_database(move |db| async move {
            let ordered = ordered(&db).await;
            let service = db.service().await;
            begin(&service, &ordered.order_id, NOW).await;
            let wrong = with(
                authorization(&ordered.payment_id, NOW),
                json!({ "p_amount": amount, "p_currency": currency }),
            );
            for _ in 0..2 {
                let recorded = call(&service, "record_authorization", wrong.clone()).await;
                assert_eq!(
                    (&recorded["outcome"], &recorded["captureScheduledAt"]),
                    (&json!("payment_mismatch"), &Value::Null)
                );
            }
            assert_eq!(db.count("bookings", "status = 'pending_payment'").await, 1);
            assert_eq!(
                db.count("security_events", "kind = 'payment_mismatch'")
                    .await,
                1
            );
            assert_eq!(
                begin(&service, &ordered.order_id, "2030-01-10T12:05:00Z").await,
                json!({ "outcome": "booking_not_payable" })
            );
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_charged_for_days_that_are_gone() {
    with_database(|db| async move {
        let ordered = ordered(&db).await;
        let service = db.service().await;
        hold(
            &service,
            "plain",
            "2030-01-22",
            "2030-01-26",
            "2030-01-10T12:20:00Z",
        )
        .await;
        assert_eq!(
            begin(&service, &ordered.order_id, "2030-01-10T12:20:00Z").await,
            json!({ "outcome": "dates_unavailable" })
        );
        assert_eq!(
            db.count("payment_operations", "operation = 'authorize'")
                .await,
            0
        );
        // That one lapses too: the first payer may still have the days.
        assert_eq!(
            begin(&service, &ordered.order_id, "2030-01-10T12:40:00Z").await["outcome"],
            "authorize"
        );
    })
    .await;
}

#[tokio::test]
async fn an_authorization_that_comes_after_the_days_went_is_to_be_voided() {
    with_database(|db| async move {
        let ordered = ordered(&db).await;
        let service = db.service().await;
        begin(&service, &ordered.order_id, NOW).await;
        let later = "2030-01-10T12:20:00Z";
        hold(&service, "plain", "2030-01-22", "2030-01-26", later).await;
        // The first attempt may have been authorized, so it is asked for; what it gives cannot stand.
        let resumed = begin(&service, &ordered.order_id, later).await;
        assert_eq!(
            (&resumed["outcome"], &resumed["resumed"]),
            (&json!("authorize"), &json!(true))
        );
        let late = authorization(&ordered.payment_id, later);
        for _ in 0..2 {
            assert_eq!(
                call(&service, "record_authorization", late.clone()).await["outcome"],
                "dates_unavailable"
            );
        }
        let due = call(
            &service,
            "authorizations_to_void",
            json!({ "p_now": "2030-01-10T12:22:00Z" }),
        )
        .await;
        assert_eq!(
            due[0]["authorizationId"],
            format!("AUTH-{}", ordered.payment_id)
        );
        assert_eq!(due[0]["reason"], "dates_unavailable");
    })
    .await;
}

#[tokio::test]
async fn a_lapsed_hold_is_confirmed_while_its_days_are_free() {
    with_database(|db| async move {
        let ordered = ordered(&db).await;
        let service = db.service().await;
        begin(&service, &ordered.order_id, NOW).await;
        let later = "2030-01-10T15:00:00Z";
        call(&service, "expire_holds", json!({ "p_now": later })).await;
        assert_eq!(
            call(
                &service,
                "record_authorization",
                authorization(&ordered.payment_id, later)
            )
            .await["outcome"],
            "confirmed"
        );
        assert_eq!(
            call(
                &service,
                "create_booking",
                rental("plain", "2030-01-20", "2030-01-24")
            )
            .await["outcome"],
            "dates_unavailable"
        );
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_booking_is_not_confirmed() {
    with_database(|db| async move {
        let ordered = ordered(&db).await;
        let service = db.service().await;
        begin(&service, &ordered.order_id, NOW).await;
        db.run("UPDATE bookings SET status = 'cancelled', cancelled_at = now()")
            .await;
        let late = authorization(&ordered.payment_id, NOW);
        assert_eq!(
            call(&service, "record_authorization", late.clone()).await["outcome"],
            "booking_not_payable"
        );
        assert_eq!(
            call(&service, "record_authorization", late).await["outcome"],
            "booking_not_payable"
        );
        assert_eq!(
            begin(&service, &ordered.order_id, "2030-01-10T12:05:00Z").await,
            json!({ "outcome": "booking_not_payable" })
        );
    })
    .await;
}
