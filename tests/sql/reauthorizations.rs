//! An authorization older than three days is renewed before it is captured.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::canceled_payments::{operators, upcoming, void};
use crate::cancellations::{by_operator, cancel, terms};
use crate::captures::{due, failed};
use crate::database::{Database, call, with_database};
use crate::fixtures::{Car, NOW, claim, paid};

/// Due on the 19th at 10:00, nine days after the authorization.
async fn due_late(db: &Database) -> (Client, String) {
    Car::default().insert(db).await;
    let service = db.service().await;
    let settled = paid(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
    (service, settled.payment_id)
}

fn reauthorized(claim: &Value, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_request_id": claim["reauthorizeRequestId"],
            "p_authorization_id": "AUTH-NEW", "p_now": now })
}

#[tokio::test]
async fn an_old_authorization_is_renewed_before_the_capture() {
    with_database(|db| async move {
        let (service, payment_id) = due_late(&db).await;
        let first = claim(&service, 25, "2030-01-19T10:00:00Z").await.remove(0);
        assert_eq!(
            first["reauthorizeRequestId"],
            format!("{payment_id}:reauthorize:1")
        );
        assert_eq!(first["requestId"], format!("{payment_id}:capture:1"));
        // A crash before the answer: the reauthorization is repeated under its id, the capture that was never sent is not.
        let second = claim(&service, 25, "2030-01-19T10:02:00Z").await.remove(0);
        assert_eq!(
            (&second["reauthorizeRequestId"], &second["resumed"]),
            (&first["reauthorizeRequestId"], &json!(false))
        );
        assert_eq!(second["requestId"], format!("{payment_id}:capture:2"));
        assert_eq!(
            call(
                &service,
                "record_reauthorization",
                reauthorized(&first, "2030-01-19T10:02:01Z")
            )
            .await,
            json!({ "outcome": "lease_lost" })
        );
        assert_eq!(
            call(
                &service,
                "record_reauthorization",
                reauthorized(&second, "2030-01-19T10:02:02Z")
            )
            .await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(
            db.count(
                "payments",
                "authorization_id = 'AUTH-NEW' AND status = 'capturing'"
            )
            .await,
            1
        );
        let retry = failed(
            &second,
            "retryable",
            "2030-01-19T10:15:00Z",
            "2030-01-19T10:02:03Z",
        );
        call(&service, "record_capture_failure", retry).await;
        let third = claim(&service, 25, "2030-01-19T10:15:00Z").await.remove(0);
        assert_eq!(
            (&third["authorizationId"], &third["requestId"]),
            (&json!("AUTH-NEW"), &second["requestId"])
        );
        assert_eq!(
            third["reauthorizeRequestId"],
            Value::Null,
            "renewed within three days"
        );
        // Three more days on it is old again, and the capture for it gets an id of its own.
        call(
            &service,
            "record_capture_failure",
            failed(
                &third,
                "retryable",
                "2030-01-23T00:00:00Z",
                "2030-01-19T10:15:01Z",
            ),
        )
        .await;
        let fourth = claim(&service, 25, "2030-01-23T00:00:00Z").await.remove(0);
        assert_eq!(
            fourth["reauthorizeRequestId"],
            format!("{payment_id}:reauthorize:2")
        );
        assert_eq!(fourth["requestId"], format!("{payment_id}:capture:3"));
    })
    .await;
}

#[tokio::test]
async fn a_refused_reauthorization_is_not_asked_for_each_time_and_keeps_the_lease() {
    with_database(|db| async move {
        let (service, payment_id) = due_late(&db).await;
        let first = claim(&service, 25, "2030-01-19T10:00:00Z").await.remove(0);
        let refused = json!({ "p_payment_id": payment_id, "p_request_id": first["reauthorizeRequestId"], "p_error_code": "REAUTHORIZATION_NOT_SUPPORTED", "p_final": true, "p_now": "2030-01-19T10:00:01Z" });
        call(&service, "record_payment_failure", refused).await;
        assert_eq!(claim(&service, 25, "2030-01-19T10:00:02Z").await, Vec::<Value>::new());
        call(&service, "record_capture_failure", failed(&first, "retryable", "2030-01-19T10:15:00Z", "2030-01-19T10:00:03Z")).await;
        let second = claim(&service, 25, "2030-01-19T10:15:00Z").await.remove(0);
        assert_eq!((&second["reauthorizeRequestId"], &second["requestId"]), (&Value::Null, &first["requestId"]));
    })
    .await;
}

#[tokio::test]
async fn a_capture_in_doubt_is_settled_before_any_reauthorization() {
    with_database(|db| async move {
        let (service, _) = due(&db).await;
        claim(&service, 25, "2030-01-11T10:00:00Z").await;
        let later = claim(&service, 25, "2030-01-20T10:00:00Z").await.remove(0);
        assert_eq!(
            (&later["resumed"], &later["reauthorizeRequestId"]),
            (&json!(true), &Value::Null)
        );
    })
    .await;
}

#[tokio::test]
async fn an_authorization_about_to_lapse_is_captured_as_it_is() {
    with_database(|db| async move {
        let (service, _) = due_late(&db).await;
        let last_day = claim(&service, 25, "2030-02-07T12:00:00Z").await.remove(0);
        assert_eq!(last_day["reauthorizeRequestId"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_renewed_payment_is_void_by_its_first_authorization() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        for (new, now) in [("AUTH-NEW-1", "2030-01-14T00:00:00Z"), ("AUTH-NEW-2", "2030-01-18T00:00:00Z")] {
            let claimed = call(&service, "claim_reauthorization", operators(&booked.booking_id, now)).await;
            let renewed = json!({ "p_payment_id": booked.payment_id, "p_lease": claimed["lease"], "p_request_id": claimed["requestId"], "p_authorization_id": new, "p_now": now });
            assert_eq!(call(&service, "record_reauthorization", renewed).await, json!({ "outcome": "recorded" }));
            call(&service, "release_payment", json!({ "p_payment_id": booked.payment_id, "p_lease": claimed["lease"], "p_now": now })).await;
        }
        let original = json!(format!("AUTH-{}", booked.payment_id));
        let answer = cancel(&service, by_operator(&booked.booking_id, "2030-01-19T00:00:00Z")).await;
        assert_eq!(terms(&answer), "100 237.60 pending void");
        assert_eq!(answer["authorizationId"], original);
        let due = call(&service, "authorizations_to_void", json!({ "p_now": "2030-01-19T00:02:00Z" })).await;
        assert_eq!(due[0]["authorizationId"], original);
        let request_id = void(&service, &booked.payment_id, &original, "2030-01-19T00:02:00Z").await;
        assert_eq!(request_id, format!("{}:void:1", booked.payment_id));
        assert_eq!(db.count("payments", "status = 'voided' AND authorization_id = 'AUTH-NEW-2'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_is_finished_before_the_capture_however_early_it_was() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booked = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let ordered = operators(&booked.booking_id, "2030-01-10T11:00:00Z");
        let begun = call(&service, "claim_reauthorization", ordered).await;
        let due = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        assert_eq!(due["reauthorizeRequestId"], begun["requestId"]);
        assert_eq!(due["requestId"], format!("{}:capture:1", booked.payment_id));
    })
    .await;
}
