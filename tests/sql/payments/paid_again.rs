//! Confirmed bookings without money, which may be paid again.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{
        NOW, OrderedBooking, authorize_claim, begin_authorization, order, payment_of,
        upcoming_booking,
    },
};
use serde_json::{Value, json};
use tokio_postgres::Client;

const LATER: &str = "2030-01-12T12:00:00Z";

async fn details(service: &Client, payment: &OrderedBooking) -> Value {
    let arguments = json!({ "p_booking_id": payment.booking_id, "p_now": LATER });
    call(service, "get_booking", arguments).await
}

async fn open(service: &Client, payment: &OrderedBooking) -> Value {
    let booking = details(service, payment).await;
    call(service, "open_payment", payment_of(&booking, LATER)).await
}

async fn set_payment(db: &Database, payment: &OrderedBooking, change: &str) {
    db.run(&format!(
        "SET session_replication_role = replica; UPDATE payments SET {change} WHERE id = '{}'; RESET session_replication_role",
        payment.payment_id
    ))
    .await;
}

const CAPTURE: &str = "capture_id = 'C1', captured_at = now(), captured_amount = 237.60";

#[tokio::test]
async fn only_held_or_kept_money_is_paid() {
    with_database(|db| async move {
        let (service, payment) = upcoming_booking(&db).await;
        for (change, outcome) in [
            ("status = 'authorized'".to_owned(), "already_paid"),
            ("status = 'capturing'".to_owned(), "already_paid"),
            ("status = 'authorization_pending'".to_owned(), "payment_in_progress"),
            ("status = 'capture_pending', capture_id = 'C1'".to_owned(), "payment_in_progress"),
            (format!("status = 'captured', {CAPTURE}"), "already_paid"),
            (format!("status = 'partially_refunded', {CAPTURE}, refunded_amount = 1"), "already_paid"),
        ] {
            set_payment(&db, &payment, &change).await;
            for status in ["upcoming", "active", "completed"] {
                db.run(&format!("SET session_replication_role = replica; UPDATE bookings SET status = '{status}'; RESET session_replication_role")).await;
                assert_eq!(open(&service, &payment).await, json!({ "outcome": outcome }), "{change} {status}");
            }
        }
        assert_eq!(db.count("payments", "true").await, 1);
    })
    .await;
}

#[tokio::test]
async fn booking_without_money_is_paid_again() {
    for (change, replaced) in [
        ("status = 'voided', voided_at = now()".to_owned(), true),
        (
            "status = 'failed', failure_code = 'PAYER_CANNOT_PAY'".to_owned(),
            true,
        ),
        ("status = 'expired'".to_owned(), true),
        (
            format!("status = 'refunded', {CAPTURE}, refunded_amount = 237.60"),
            true,
        ),
        ("void_reason = 'unspecified'".to_owned(), false),
    ] {
        with_database(move |db| async move {
            let (service, first) = upcoming_booking(&db).await;
            set_payment(&db, &first, &change).await;
            let opened = open(&service, &first).await;
            assert_eq!(opened["outcome"], "create_order", "{change}");
            assert_ne!(opened["paymentId"], json!(first.payment_id));
            let booking = details(&service, &first).await;
            let second = order(&service, &booking, LATER).await;
            assert_eq!(db.count("payments", "true").await, 2);
            let claim = begin_authorization(&service, &second.order_id, LATER).await;
            assert_eq!(
                (&claim["outcome"], &claim["bookingStatus"]),
                (&json!("authorize"), &json!("upcoming")),
                "{claim}"
            );
            let result = authorize_claim(&service, &claim, "A2", LATER).await;
            assert_eq!(
                (&result["outcome"], &result["bookingStatus"]),
                (&json!("confirmed"), &json!("upcoming"))
            );
            assert_eq!(
                db.count(
                    "bookings",
                    &format!("confirmed_at = '{LATER}' AND hold_expires_at < '{LATER}'")
                )
                .await,
                1
            );
            let reason = if replaced { "replaced" } else { "unspecified" };
            assert_eq!(
                db.count(
                    "payments",
                    &format!("id = '{}' AND void_reason = '{reason}'", first.payment_id)
                )
                .await,
                1
            );
            assert_eq!(
                details(&service, &first).await["payment"]["paymentId"],
                json!(second.payment_id)
            );
            assert_eq!(
                open(&service, &first).await,
                json!({ "outcome": "already_paid" })
            );
            // The order of the first payment does not authorize anything.
            let old = begin_authorization(&service, &first.order_id, LATER).await;
            assert_eq!(old, json!({ "outcome": "order_ended" }));
        })
        .await;
    }
}

#[tokio::test]
async fn canceled_booking_is_never_paid_again() {
    with_database(|db| async move {
        let (service, first) = upcoming_booking(&db).await;
        set_payment(&db, &first, "status = 'expired'").await;
        let second = order(&service, &details(&service, &first).await, LATER).await;
        db.run("UPDATE bookings SET status = 'cancelled', cancelled_at = now()")
            .await;
        assert_eq!(
            open(&service, &first).await,
            json!({ "outcome": "booking_not_payable" })
        );
        assert_eq!(
            begin_authorization(&service, &second.order_id, LATER).await,
            json!({ "outcome": "booking_not_payable" })
        );
    })
    .await;
}

/// The first payment was reopened or captured while the customer paid again.
#[tokio::test]
async fn second_payment_of_paid_booking_awaits_void() {
    for change in [
        "status = 'authorized'".to_owned(),
        format!("status = 'captured', {CAPTURE}"),
    ] {
        with_database(move |db| async move {
            let (service, first) = upcoming_booking(&db).await;
            set_payment(&db, &first, "status = 'failed'").await;
            let second = order(&service, &details(&service, &first).await, LATER).await;
            let claim = begin_authorization(&service, &second.order_id, LATER).await;
            set_payment(&db, &first, &change).await;
            for _ in 0..2 {
                let result = authorize_claim(&service, &claim, "A2", LATER).await;
                assert_eq!(result["outcome"], "already_paid");
            }
            assert_eq!(
                db.count(
                    "payments",
                    "authorization_id = 'A2' AND void_reason = 'already_paid'"
                )
                .await,
                1
            );
            assert_eq!(
                details(&service, &first).await["payment"]["paymentId"],
                json!(first.payment_id)
            );
            assert_eq!(
                db.count("bookings", &format!("confirmed_at = '{NOW}'"))
                    .await,
                1
            );
        })
        .await;
    }
}

#[tokio::test]
async fn shown_payment_is_the_one_with_money() {
    with_database(|db| async move {
        let (service, first) = upcoming_booking(&db).await;
        set_payment(&db, &first, "status = 'failed'").await;
        let second = order(&service, &details(&service, &first).await, LATER).await;
        let shown = async || details(&service, &first).await["payment"]["paymentId"].clone();
        assert_eq!(
            shown().await,
            json!(first.payment_id),
            "PayPal may still hold the money"
        );
        set_payment(
            &db,
            &first,
            "voided_at = now(), hold_ended_at = now(), status = 'voided'",
        )
        .await;
        assert_eq!(shown().await, json!(second.payment_id));
    })
    .await;
}

#[tokio::test]
async fn refunded_payment_is_shown_after_abandoned_one() {
    with_database(|db| async move {
        let (service, first) = upcoming_booking(&db).await;
        let refunded = format!("status = 'refunded', {CAPTURE}, refunded_amount = 237.60");
        set_payment(&db, &first, &refunded).await;
        let second = order(&service, &details(&service, &first).await, LATER).await;
        let shown = async || details(&service, &first).await["payment"].clone();
        let open = shown().await;
        assert_eq!(open["paymentId"], json!(second.payment_id));
        set_payment(&db, &second, "status = 'expired'").await;
        let ended = shown().await;
        assert_eq!(ended["paymentId"], json!(first.payment_id));
        assert_eq!(ended["status"], "refunded");
    })
    .await;
}
