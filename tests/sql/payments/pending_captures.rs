//! Captures that PayPal reviews, until it completes or declines them.

use crate::support::{
    cancellation::{HALF_REFUND_AT, by_customer, cancel, refund_terms},
    capture::{capture_pending, claim, observe_capture, payment_sums, pending_capture_of},
    database::{call, with_database},
    fixtures::{NOW, OrderedBooking, upcoming_booking},
    operator::{claim_capture, operator_request},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

#[tokio::test]
async fn pending_capture_is_no_money() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let capture_claim = capture_pending(&service, &booking, NOW).await;
        let again = pending_capture_of(&capture_claim, NOW);
        assert_eq!(
            call(&service, "record_capture", again).await,
            json!({ "outcome": "replayed" })
        );
        let id = format!("CAPTURE-{}", booking.payment_id);
        assert_eq!(
            payment_sums(&db, &booking).await,
            format!("capture_pending {id} 0.00 since 10T12")
        );
        assert_eq!(
            claim(&service, 25, "2030-01-20T00:00:00Z").await,
            Vec::<Value>::new()
        );
        assert_eq!(
            claim_capture(&service, &booking.booking_id, NOW).await,
            json!({ "outcome": "capture_pending", "captureId": id })
        );
        assert_eq!(
            call(
                &service,
                "order_refund",
                operator_request(&booking.booking_id, NOW)
            )
            .await,
            json!({ "outcome": "capture_pending" })
        );
        assert_eq!(
            observe_capture(&service, &booking, [&id, "237.60", "pending"], NOW).await,
            "replayed"
        );
        let now = "2030-01-12T12:00:00Z";
        assert_eq!(
            observe_capture(&service, &booking, [&id, "237.60", "completed"], now).await,
            "captured"
        );
        assert_eq!(
            payment_sums(&db, &booking).await,
            format!("captured {id} 237.60 0.00")
        );
        let now = "2030-01-12T12:00:01Z";
        for late in ["pending", "declined"] {
            assert_eq!(
                observe_capture(&service, &booking, [&id, "237.60", late], now).await,
                "replayed"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn declined_review_is_tried_again() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let capture_claim = capture_pending(&service, &booking, NOW).await;
        let id = format!("CAPTURE-{}", booking.payment_id);
        let now = "2030-01-13T12:00:00Z";
        assert_eq!(
            observe_capture(&service, &booking, [&id, "237.60", "declined"], now).await,
            "capture_declined"
        );
        assert_eq!(
            payment_sums(&db, &booking).await,
            "failed 0.00 capture_declined"
        );
        assert_eq!(
            claim(&service, 25, "2030-01-14T11:59:59Z").await,
            Vec::<Value>::new()
        );
        let again = claim(&service, 25, "2030-01-14T12:00:00Z").await.remove(0);
        assert_eq!(again["resumed"], false);
        assert_ne!(again["requestId"], capture_claim["requestId"]);
    })
    .await;
}

/// Cancels while PayPal reviews the capture. Then PayPal decides.
async fn decide_after_cancellation(service: &Client, booking: &OrderedBooking, status: &str) {
    capture_pending(service, booking, NOW).await;
    let result = cancel(service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
    assert_eq!(refund_terms(&result), "50 118.80 pending none");
    let id = format!("CAPTURE-{}", booking.payment_id);
    let decided_at = "2030-01-16T00:00:00Z";
    observe_capture(service, booking, [&id, "237.60", status], decided_at).await;
}

#[tokio::test]
async fn completed_capture_of_cancelled_booking_goes_back() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        decide_after_cancellation(&service, &booking, "completed").await;
        let again = by_customer(&booking.booking_id, "2030-01-16T00:00:01Z");
        let result = cancel(&service, again).await;
        assert_eq!(refund_terms(&result), "50 118.80 pending refund");
    })
    .await;
}

#[tokio::test]
async fn declined_capture_of_cancelled_booking_is_voided() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        decide_after_cancellation(&service, &booking, "declined").await;
        let now = json!({ "p_now": "2030-01-16T00:02:00Z" });
        let due = call(&service, "authorizations_to_void", now).await;
        assert_eq!(
            due.as_array().unwrap().len(),
            1,
            "the authorization may live"
        );
        assert_eq!(
            claim(&service, 25, "2030-01-20T00:00:00Z").await,
            Vec::<Value>::new()
        );
    })
    .await;
}
