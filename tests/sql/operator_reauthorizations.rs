//! What operators have renewed: `claim_reauthorization`, `record_reauthorization`, `release_payment`.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::canceled_payments::{HALF, upcoming, void};
use crate::cancellations::{by_customer, by_operator, cancel};
use crate::captures::failed;
use crate::database::{call, with_database};
use crate::fixtures::{NOW, claim, hold, paid, take, with};
use crate::operator_captures::{UNKNOWN, capture, renew};

/// The arguments by which the renewal of a claim is recorded.
fn renewed(claim: &Value, authorization_id: &str, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_request_id": claim["requestId"],
            "p_authorization_id": authorization_id, "p_now": now })
}

/// The arguments by which PayPal's refusal of a renewal is recorded, or that it gave no answer.
fn not_renewed(claim: &Value, is_final: bool, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["requestId"], "p_error_code": "SOME_CODE", "p_final": is_final, "p_now": now })
}

async fn release(client: &Client, claim: &Value, now: &str) -> Value {
    let arguments =
        json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_now": now });
    call(client, "release_payment", arguments).await
}

#[tokio::test]
async fn a_renewal_is_claimed_recorded_and_released() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let claimed = renew(&service, &booked.booking_id, NOW).await;
        assert_eq!(claimed, json!({
            "outcome": "claimed", "paymentId": booked.payment_id, "lease": claimed["lease"], "authorizationId": format!("AUTH-{}", booked.payment_id),
            "amount": "237.60", "currency": "USD", "requestId": format!("{}:reauthorize:1", booked.payment_id),
        }));
        let ordered = format!("action = 'reauthorization.ordered' AND actor = 'operator:1' AND request_id = 'req-2' AND subject_id = '{}'", booked.payment_id);
        assert_eq!(db.count("audit_log", &ordered).await, 1);
        assert_eq!(renew(&service, &booked.booking_id, "2030-01-10T12:01:59Z").await, json!({ "outcome": "payment_in_progress" }));
        assert_eq!(capture(&service, &booked.booking_id, "2030-01-10T12:01:59Z").await, json!({ "outcome": "payment_in_progress" }));
        let strangers = with(claimed.clone(), json!({ "lease": UNKNOWN }));
        assert_eq!(release(&service, &strangers, NOW).await, json!({ "outcome": "lease_lost" }));
        let ends = with(renewed(&claimed, "AUTH-NEW", NOW), json!({ "p_expires_at": "2030-02-07T00:00:00Z" }));
        assert_eq!(call(&service, "record_reauthorization", ends).await, json!({ "outcome": "recorded" }));
        assert_eq!(release(&service, &claimed, NOW).await, json!({ "outcome": "released" }));
        let kept = format!("status = 'authorized' AND authorization_id = 'AUTH-NEW' AND original_authorization_id = 'AUTH-{}' AND reauthorized_at = '{NOW}' \
                            AND authorization_expires_at = '2030-02-07T00:00:00Z' AND lease_id IS NULL AND lease_expires_at IS NULL", booked.payment_id);
        assert_eq!(db.count("payments", &kept).await, 1);
        let before = db.content().await;
        assert_eq!(release(&service, &claimed, NOW).await, json!({ "outcome": "lease_lost" }));
        assert_eq!(call(&service, "record_reauthorization", renewed(&claimed, "AUTH-OTHER", NOW)).await, json!({ "outcome": "lease_lost" }));
        assert_eq!(db.content().await, before);
        assert_eq!(renew(&service, &booked.booking_id, NOW).await["requestId"], format!("{}:reauthorize:2", booked.payment_id));
    })
    .await;
}

#[tokio::test]
async fn a_renewal_that_nobody_came_back_from_is_repeated_under_its_id() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let first = renew(&service, &booked.booking_id, NOW).await;
        let second = renew(&service, &booked.booking_id, "2030-01-10T12:02:00Z").await;
        assert_ne!(second["lease"], first["lease"]);
        assert_eq!(
            second,
            with(first.clone(), json!({ "lease": second["lease"] }))
        );
        let late = renewed(&first, "AUTH-NEW", "2030-01-10T12:02:01Z");
        assert_eq!(
            call(&service, "record_reauthorization", late).await,
            json!({ "outcome": "lease_lost" })
        );
        assert_eq!(
            release(&service, &first, "2030-01-10T12:02:01Z").await,
            json!({ "outcome": "lease_lost" })
        );
        // The second is lost, too. The run finishes it before it captures.
        let run = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        assert_eq!(
            (&run["reauthorizeRequestId"], &run["resumed"]),
            (&first["requestId"], &json!(false))
        );
    })
    .await;
}

#[tokio::test]
async fn a_renewal_in_doubt_is_repeated_for_the_same_amount_though_only_a_part_is_kept() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let begun = renew(&service, &booked.booking_id, "2030-01-14T23:00:00Z").await;
        cancel(
            &service,
            by_customer(&booked.booking_id, "2030-01-15T00:00:00Z"),
        )
        .await;
        let due = claim(&service, 1, "2030-01-15T00:00:00Z").await.remove(0);
        assert_eq!(
            (
                &due["reauthorizeRequestId"],
                &due["authorizedAmount"],
                &due["amount"]
            ),
            (&begun["requestId"], &begun["amount"], &json!("118.80"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_renewal_without_an_answer_is_repeated_and_a_refused_one_is_not() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        for (is_final, number) in [(false, 1), (true, 1), (false, 2)] {
            let claimed = renew(&service, &booked.booking_id, NOW).await;
            assert_eq!(
                claimed["requestId"],
                format!("{}:reauthorize:{number}", booked.payment_id)
            );
            call(
                &service,
                "record_payment_failure",
                not_renewed(&claimed, is_final, NOW),
            )
            .await;
            assert_eq!(
                release(&service, &claimed, NOW).await,
                json!({ "outcome": "released" })
            );
        }
        assert_eq!(
            db.count(
                "payments",
                "status = 'authorized' AND original_authorization_id IS NULL"
            )
            .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn a_capture_of_the_old_authorization_ends_with_it() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let old = capture(&service, &booked.booking_id, NOW).await["claim"].clone();
        call(
            &service,
            "record_capture_failure",
            failed(&old, "retryable", NOW, NOW),
        )
        .await;
        let claimed = renew(&service, &booked.booking_id, NOW).await;
        call(
            &service,
            "record_reauthorization",
            renewed(&claimed, "AUTH-NEW", NOW),
        )
        .await;
        release(&service, &claimed, NOW).await;
        let new = capture(&service, &booked.booking_id, NOW).await["claim"].clone();
        assert_eq!(
            (&new["requestId"], &new["authorizationId"]),
            (
                &json!(format!("{}:capture:2", booked.payment_id)),
                &json!("AUTH-NEW")
            )
        );
        // A capture whose outcome is in doubt is settled first, however long it takes.
        call(
            &service,
            "record_capture_failure",
            failed(&new, "unknown", NOW, NOW),
        )
        .await;
        assert_eq!(
            renew(&service, &booked.booking_id, "2030-01-19T00:00:00Z").await,
            json!({ "outcome": "payment_in_progress" })
        );
    })
    .await;
}

#[tokio::test]
async fn only_what_is_held_for_a_booking_that_stands_is_renewed() {
    with_database(|db| async move {
        let (service, kept) = upcoming(&db).await;
        assert_eq!(
            renew(&service, UNKNOWN, NOW).await,
            json!({ "outcome": "booking_not_found" })
        );
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let taken = paid(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        take(&service, &taken, NOW).await;
        let given_up = paid(&service, "plain", "2030-02-10", "2030-02-14", NOW).await;
        cancel(&service, by_operator(&given_up.booking_id, NOW)).await;
        cancel(&service, by_customer(&kept.booking_id, HALF)).await;
        let before = db.content().await;
        for id in [
            booking["bookingId"].as_str().unwrap(),
            &taken.booking_id,
            &given_up.booking_id,
            &kept.booking_id,
        ] {
            assert_eq!(
                renew(&service, id, HALF).await,
                json!({ "outcome": "not_authorized" })
            );
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_void_ends_a_renewal_whose_outcome_is_unknown() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let claimed = renew(&service, &booked.booking_id, NOW).await;
        assert_eq!(release(&service, &claimed, NOW).await, json!({ "outcome": "released" }));
        cancel(&service, by_operator(&booked.booking_id, "2030-01-10T13:00:00Z")).await;
        let authorization = json!(format!("AUTH-{}", booked.payment_id));
        void(&service, &booked.payment_id, &authorization, "2030-01-10T13:00:00Z").await;
        assert_eq!(db.count("payment_operations", "status = 'open'").await, 0);
        let ended = "operation = 'reauthorize' AND status = 'failed' AND NOT in_doubt AND error_code = 'voided'";
        assert_eq!(db.count("payment_operations", ended).await, 1);
    })
    .await;
}
