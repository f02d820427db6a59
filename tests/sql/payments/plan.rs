//! The schedule in the database equals the plan that the product shows. 300 random bookings check
//! this.

use crate::support::{
    cancellation::{by_operator, cancel},
    capture::{capture_failure, capture_payment, claim},
    database::{Database, call, with_database},
    fixtures::{Car, NOW, authorization, begin_authorization, hold, order, upcoming_booking, with},
    operator::{claim_reauthorization, operator_request},
    plan_oracle::{Case, ZONES, random_case},
    random::Random,
};
use exodrive::domain::payment_plan::{LIFE, PaymentPlan, PlanFacts, plan};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The plan facts of a booking, and its scheduled capture.
async fn read(client: &Client, booking_id: &str, now: &str) -> (PlanFacts, Option<Timestamp>) {
    let booking = call(
        client,
        "get_booking",
        json!({ "p_booking_id": booking_id, "p_now": now }),
    )
    .await;
    let scheduled = booking["payment"]["captureScheduledAt"].as_str();
    let facts = serde_json::from_value(booking["planFacts"].clone()).unwrap();
    (facts, scheduled.map(|at| at.parse().unwrap()))
}

/// Creates the booking of a case and compares schedule and plan. Returns its id and the plan.
async fn compare(db: &Database, service: &Client, case: &Case) -> (String, PaymentPlan) {
    case.prepare(db).await;
    let (held_at, authorized_at) = (case.held_at.to_string(), case.authorized_at.to_string());
    let (start, end) = (
        case.start().to_string(),
        (case.start() + 4.days()).to_string(),
    );
    let booking = hold(
        service,
        &format!("car-{}", case.zone),
        &start,
        &end,
        &held_at,
    )
    .await;
    let payment = order(service, &booking, &held_at).await;
    if case.known_before {
        case.record_approval(db, &payment.booking_id).await;
    }
    let (unpaid, early_schedule) = read(service, &payment.booking_id, &authorized_at).await;
    assert_eq!(early_schedule, None, "a hold has no schedule");
    let early_plan = plan(&unpaid, case.authorized_at);

    begin_authorization(service, &payment.order_id, &authorized_at).await;
    let ends = case
        .life
        .map(|life| (case.authorized_at + life).to_string());
    let record = with(
        authorization(&payment.payment_id, &authorized_at),
        json!({ "p_expires_at": ends }),
    );
    assert_eq!(
        call(service, "record_authorization", record).await["outcome"],
        "confirmed"
    );
    if !case.known_before {
        case.record_approval(db, &payment.booking_id).await;
    }
    let (facts, scheduled) = read(service, &payment.booking_id, &authorized_at).await;
    assert_eq!(facts, case.facts(), "{case:?}");
    let planned = plan(&facts, case.authorized_at);
    assert_eq!(scheduled, planned.capture_at, "{case:?}");
    if case.known_before && case.life.is_none_or(|life| life == LIFE) {
        assert_eq!(early_plan, planned, "the plan before the payment: {case:?}");
    }
    (payment.booking_id, planned)
}

#[tokio::test]
async fn random_schedules_match_plan() {
    with_database(|db| async move {
        for (number, (time_zone, _)) in ZONES.into_iter().enumerate() {
            let slug = ["car-0", "car-1", "car-2", "car-3", "car-4", "car-5"][number];
            Car {
                slug,
                time_zone,
                ..Car::default()
            }
            .insert(&db)
            .await;
        }
        let service = db.service().await;
        let mut random = Random(0x5EED_91A2);
        let (mut unplanned, mut reauthorized, mut early) = (0, 0, 0);
        for _ in 0..300 {
            let case = random_case(&mut random);
            let (booking_id, planned) = compare(&db, &service, &case).await;
            if let Some(at) = planned.capture_at {
                // The capture is due at that second and not earlier. A reauthorization precedes it
                // if and only if the plan says so.
                let before = (at - 1.second()).to_string();
                assert_eq!(
                    claim(&service, 25, &before).await,
                    Vec::<Value>::new(),
                    "{case:?}"
                );
                let capture_claim = claim(&service, 25, &at.to_string()).await.remove(0);
                assert_eq!(capture_claim["bookingId"], booking_id);
                assert_eq!(
                    capture_claim["reauthorizeRequestId"].is_string(),
                    planned.reauthorize_at.is_some(),
                    "{case:?} {planned:?}"
                );
                call(
                    &service,
                    "record_capture_failure",
                    capture_failure(&capture_claim, "declined", &at.to_string(), &at.to_string()),
                )
                .await;
            } else {
                assert_eq!(
                    claim(&service, 25, "2033-01-01T00:00:00Z").await,
                    Vec::<Value>::new()
                );
            }
            unplanned += u32::from(planned.capture_at.is_none());
            reauthorized += u32::from(planned.reauthorize_at.is_some());
            early += u32::from(planned.before_it_lapses);
            cancel(
                &service,
                by_operator(&booking_id, &case.authorized_at.to_string()),
            )
            .await;
        }
        assert!(
            unplanned > 10 && reauthorized > 50 && early > 50,
            "every kind occurs: {unplanned} {reauthorized} {early}"
        );
    })
    .await;
}

#[tokio::test]
async fn plan_follows_reauthorization_and_capture() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let reauthorized_at = "2030-01-12T00:00:00Z";
        let reauthorization = claim_reauthorization(&service, &booking.booking_id, reauthorized_at).await;
        let success = json!({ "p_payment_id": booking.payment_id, "p_lease": reauthorization["lease"], "p_request_id": reauthorization["requestId"], "p_authorization_id": "AUTH-NEW", "p_now": reauthorized_at });
        call(&service, "record_reauthorization", success).await;
        call(&service, "release_payment", json!({ "p_payment_id": booking.payment_id, "p_lease": reauthorization["lease"], "p_now": reauthorized_at })).await;
        let (facts, scheduled) = read(&service, &booking.booking_id, reauthorized_at).await;
        assert_eq!((facts.authorized_at, facts.renewed_at), (Some(NOW.parse().unwrap()), Some(reauthorized_at.parse().unwrap())));
        let planned = plan(&facts, reauthorized_at.parse().unwrap());
        assert_eq!((planned.capture_at, planned.honoured_until), (scheduled, "2030-01-15T00:00:00Z".parse().unwrap()));

        let captured_at = "2030-01-13T00:00:00Z";
        capture_payment(&service, &booking, captured_at).await;
        let (facts, _) = read(&service, &booking.booking_id, captured_at).await;
        let planned = plan(&facts, captured_at.parse().unwrap());
        assert_eq!((planned.capture_at, planned.reauthorize_at), (Some(captured_at.parse().unwrap()), None));
        let result = call(&service, "claim_payment_capture", operator_request(&booking.booking_id, captured_at)).await;
        assert_eq!(result["outcome"], "already_captured");
    })
    .await;
}
