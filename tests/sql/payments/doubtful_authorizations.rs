//! Authorizations whose outcome is unknown, second orders, and orders that outlive their hold.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{
        NOW, OrderedBooking, authorize_claim, begin_authorization, begin_seen, fail, hold, order,
        ordered_booking, payment_of, with,
    },
};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn hold_end(service: &Client, payment: &OrderedBooking, now: &str) -> Value {
    let arguments = json!({ "p_booking_id": payment.booking_id, "p_now": now });
    call(service, "get_booking", arguments).await["holdExpiresAt"].clone()
}

async fn authorize_operations(db: &Database) -> u32 {
    db.count("payment_operations", "operation = 'authorize'")
        .await
}

#[tokio::test]
async fn unapproved_order_holds_days_for_one_hour() {
    with_database(|db| async move {
        let (service, _, payment) = ordered_booking(&db).await;
        for (now, until) in [
            ("2030-01-10T12:14:00Z", "2030-01-10T12:29:00Z"),
            ("2030-01-10T12:40:00Z", "2030-01-10T12:55:00Z"),
            ("2030-01-10T12:50:00Z", "2030-01-10T13:00:00Z"),
            ("2030-01-10T12:59:59Z", "2030-01-10T13:00:00Z"),
        ] {
            let claim = begin_authorization(&service, &payment.order_id, now).await;
            assert_eq!(claim["outcome"], "authorize", "{now}");
            fail(&service, &claim, "declined", now).await;
            assert_eq!(hold_end(&service, &payment, now).await, until);
        }
        let attempts = authorize_operations(&db).await;
        for now in ["2030-01-10T13:00:00Z", "2030-01-10T18:59:59Z"] {
            assert_eq!(
                begin_authorization(&service, &payment.order_id, now).await,
                json!({ "outcome": "approval_unknown" })
            );
        }
        // An order lives for 7 hours.
        assert_eq!(
            begin_authorization(&service, &payment.order_id, "2030-01-10T19:00:00Z").await,
            json!({ "outcome": "hold_expired" })
        );
        assert_eq!(authorize_operations(&db).await, attempts);
        assert_eq!(
            hold_end(&service, &payment, "2030-01-10T19:00:00Z").await,
            Value::Null
        );
    })
    .await;
}

#[tokio::test]
async fn approved_order_holds_days_until_it_ends() {
    with_database(|db| async move {
        let (service, booking, payment) = ordered_booking(&db).await;
        for (now, until) in [
            ("2030-01-10T13:30:00Z", "2030-01-10T13:45:00Z"),
            ("2030-01-10T13:40:00Z", "2030-01-10T13:55:00Z"),
            ("2030-01-10T18:50:00Z", "2030-01-10T19:00:00Z"),
        ] {
            let claim = begin_seen(&service, &payment.order_id, "approved", now).await;
            assert_eq!(claim["outcome"], "authorize", "{now}");
            fail(&service, &claim, "declined", now).await;
            assert_eq!(hold_end(&service, &payment, now).await, until);
        }
        let late = begin_seen(
            &service,
            &payment.order_id,
            "approved",
            "2030-01-10T19:00:00Z",
        )
        .await;
        assert_eq!(late, json!({ "outcome": "hold_expired" }));
        // Nor does a later order hold them for more than a day.
        db.run("UPDATE bookings SET hold_expires_at = '2030-01-11T11:00:00Z'")
            .await;
        let second = order(&service, &booking, "2030-01-11T10:59:00Z").await;
        let claim = begin_seen(
            &service,
            &second.order_id,
            "approved",
            "2030-01-11T11:50:00Z",
        )
        .await;
        fail(&service, &claim, "declined", "2030-01-11T11:50:00Z").await;
        assert_eq!(
            hold_end(&service, &second, "2030-01-11T11:50:00Z").await,
            "2030-01-11T12:00:00Z"
        );
        let late = begin_seen(
            &service,
            &second.order_id,
            "approved",
            "2030-01-11T12:00:00Z",
        )
        .await;
        assert_eq!(late, json!({ "outcome": "hold_expired" }));
    })
    .await;
}

#[tokio::test]
async fn approved_order_revives_only_free_days() {
    with_database(|db| async move {
        let (service, _, payment) = ordered_booking(&db).await;
        let later = "2030-01-10T13:30:00Z";
        call(&service, "expire_holds", json!({ "p_now": later })).await;
        hold(&service, "plain", "2030-01-22", "2030-01-26", later).await;
        for taken in [
            begin_authorization(&service, &payment.order_id, later).await,
            begin_seen(&service, &payment.order_id, "approved", later).await,
        ] {
            assert_eq!(taken, json!({ "outcome": "dates_unavailable" }));
        }
        assert_eq!(authorize_operations(&db).await, 0);
        let free = "2030-01-10T13:45:00Z";
        let claim = begin_seen(&service, &payment.order_id, "approved", free).await;
        assert_eq!(claim["outcome"], "authorize");
        assert_eq!(
            authorize_claim(&service, &claim, "A1", free).await["outcome"],
            "confirmed"
        );
    })
    .await;
}

#[tokio::test]
async fn authorized_order_becomes_payments_order() {
    with_database(|db| async move {
        let (service, booking, first) = ordered_booking(&db).await;
        let claim = begin_seen(
            &service,
            &first.order_id,
            "approved",
            "2030-01-10T14:50:00Z",
        )
        .await;
        fail(&service, &claim, "declined", "2030-01-10T14:50:00Z").await;
        let second = order(&service, &booking, "2030-01-10T15:00:00Z").await;
        assert_eq!(second.payment_id, first.payment_id);
        let claim = begin_authorization(&service, &first.order_id, "2030-01-10T15:01:00Z").await;
        assert_eq!(
            authorize_claim(&service, &claim, "A1", "2030-01-10T15:01:00Z").await["outcome"],
            "confirmed"
        );
        let row = format!(
            "order_id = '{}' AND order_created_at = '{NOW}' AND approve_url IS NULL",
            first.order_id
        );
        assert_eq!(db.count("payments", &row).await, 1);
        // Both orders have the same answer, and the second one is never authorized.
        for order_id in [&first.order_id, &second.order_id] {
            let again = begin_authorization(&service, order_id, "2030-01-10T15:02:00Z").await;
            assert_eq!(
                (&again["outcome"], &again["authorizationId"]),
                (&json!("already_authorized"), &json!("A1"))
            );
        }
        assert_eq!(authorize_operations(&db).await, 2);
    })
    .await;
}

#[tokio::test]
async fn doubt_about_one_order_precedes_other() {
    with_database(|db| async move {
        let (service, booking, first) = ordered_booking(&db).await;
        begin_seen(
            &service,
            &first.order_id,
            "approved",
            "2030-01-10T14:50:00Z",
        )
        .await;
        let now = "2030-01-10T15:00:00Z";
        let second = order(&service, &booking, now).await;
        let look = begin_authorization(&service, &second.order_id, now).await;
        assert_eq!(
            (&look["outcome"], &look["orderId"], &look["refusal"]),
            (
                &json!("look"),
                &json!(first.order_id),
                &json!("payment_in_progress")
            )
        );
        // While one caller looks, others wait.
        assert_eq!(
            begin_authorization(&service, &second.order_id, now).await,
            json!({ "outcome": "payment_in_progress" })
        );
        fail(&service, &look, "retryable", now).await;
        let claim = begin_authorization(&service, &second.order_id, now).await;
        assert_eq!(
            (&claim["outcome"], &claim["resumed"]),
            (&json!("authorize"), &json!(false))
        );
        let result = authorize_claim(&service, &claim, "A2", now).await;
        assert_eq!(result["outcome"], "confirmed");
        // The first order was authorized after all. It cannot replace the second.
        let late = with(look, json!({}));
        let result = authorize_claim(&service, &late, "A1", now).await;
        assert_eq!(result["outcome"], "already_paid");
        let row = "status = 'authorized' AND authorization_id = 'A2' AND void_reason IS NULL";
        assert_eq!(db.count("payments", row).await, 1);
    })
    .await;
}

#[tokio::test]
async fn canceled_booking_is_only_looked_at() {
    with_database(|db| async move {
        let (service, _, payment) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        fail(&service, &claim, "unknown", NOW).await;
        db.run("UPDATE bookings SET status = 'cancelled', cancelled_at = now()")
            .await;
        let look = begin_authorization(&service, &payment.order_id, NOW).await;
        assert_eq!(
            (&look["outcome"], &look["refusal"], &look["requestId"]),
            (
                &json!("look"),
                &json!("booking_not_payable"),
                &claim["requestId"]
            )
        );
        fail(&service, &look, "retryable", NOW).await;
        assert_eq!(
            begin_authorization(&service, &payment.order_id, NOW).await,
            json!({ "outcome": "booking_not_payable" })
        );
        // PayPal had authorized, and shows it now.
        let claim = begin_seen(&service, &payment.order_id, "authorized", NOW).await;
        assert_eq!(claim["outcome"], "authorize");
        let result = authorize_claim(&service, &claim, "A1", NOW).await;
        assert_eq!(result["outcome"], "booking_not_payable");
        let row = "status = 'authorized' AND void_reason = 'booking_not_payable'";
        assert_eq!(db.count("payments", row).await, 1);
    })
    .await;
}

#[tokio::test]
async fn attempt_without_effect_is_closed() {
    with_database(|db| async move {
        let (service, booking, payment) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        fail(&service, &claim, "retryable", NOW).await;
        let closed = "operation = 'authorize' AND status = 'failed' AND NOT in_doubt";
        assert_eq!(db.count("payment_operations", closed).await, 1);
        let later = "2030-01-10T12:20:00Z";
        hold(&service, "plain", "2030-01-22", "2030-01-26", later).await;
        assert_eq!(
            begin_authorization(&service, &payment.order_id, later).await,
            json!({ "outcome": "dates_unavailable" })
        );
        assert_eq!(authorize_operations(&db).await, 1);
        let opened = call(&service, "open_payment", payment_of(&booking, later)).await;
        assert_eq!(opened, json!({ "outcome": "dates_unavailable" }));
    })
    .await;
}

#[tokio::test]
async fn authorization_after_first_day_awaits_void() {
    with_database(|db| async move {
        let (service, _, payment) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        let late = "2030-01-21T00:00:00Z";
        let result = authorize_claim(&service, &claim, "A1", late).await;
        assert_eq!(result["outcome"], "booking_not_payable");
    })
    .await;
}
