//! The schedule that the database keeps is the plan that the product tells, for a few hundred random bookings.

use exodrive::domain::payment_plan::{LIFE, PaymentPlan, PlanFacts, plan};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::canceled_payments::{operators, upcoming};
use crate::cancellations::{by_operator, cancel};
use crate::captures::failed;
use crate::database::{Database, call, with_database};
use crate::fixtures::{Car, NOW, authorization, begin, claim, hold, order, take, with};
use crate::operator_captures::renew;
use crate::plan_oracle::{Case, ZONES, random_case};
use crate::pricing::Random;

/// A booking's facts, and when its money is scheduled to be taken.
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

/// Makes the booking of a case and compares; gives its id and the plan.
async fn compare(db: &Database, service: &Client, case: &Case) -> (String, PaymentPlan) {
    case.prepare(db).await;
    let (held, paid) = (case.held_at.to_string(), case.authorized_at.to_string());
    let (start, end) = (
        case.start().to_string(),
        (case.start() + 4.days()).to_string(),
    );
    let booking = hold(service, &format!("car-{}", case.zone), &start, &end, &held).await;
    let ordered = order(service, &booking, &held).await;
    if case.known_before {
        case.mark(db, &ordered.booking_id).await;
    }
    // What is told before it is paid.
    let (unpaid, none) = read(service, &ordered.booking_id, &paid).await;
    assert_eq!(none, None, "a hold has no schedule");
    let told = plan(&unpaid, case.authorized_at);

    begin(service, &ordered.order_id, &paid).await;
    let ends = case
        .life
        .map(|life| (case.authorized_at + life).to_string());
    let authorized = with(
        authorization(&ordered.payment_id, &paid),
        json!({ "p_expires_at": ends }),
    );
    assert_eq!(
        call(service, "record_authorization", authorized).await["outcome"],
        "confirmed"
    );
    if !case.known_before {
        case.mark(db, &ordered.booking_id).await;
    }
    let (facts, scheduled) = read(service, &ordered.booking_id, &paid).await;
    assert_eq!(facts, case.facts(), "{case:?}");
    let planned = plan(&facts, case.authorized_at);
    assert_eq!(scheduled, planned.capture_at, "{case:?}");
    if case.known_before && case.life.is_none_or(|life| life == LIFE) {
        assert_eq!(told, planned, "what was told before it was paid: {case:?}");
    }
    (ordered.booking_id, planned)
}

#[tokio::test]
async fn the_schedule_of_random_bookings_is_the_plan() {
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
        let (mut unplanned, mut renewed, mut early) = (0, 0, 0);
        for _ in 0..300 {
            let case = random_case(&mut random);
            let (booking_id, planned) = compare(&db, &service, &case).await;
            if let Some(at) = planned.capture_at {
                // And it is what happens: not a second earlier, and renewed first exactly when the plan says so.
                let before = (at - 1.second()).to_string();
                assert_eq!(
                    claim(&service, 25, &before).await,
                    Vec::<Value>::new(),
                    "{case:?}"
                );
                let claimed = claim(&service, 25, &at.to_string()).await.remove(0);
                assert_eq!(claimed["bookingId"], booking_id);
                assert_eq!(
                    claimed["reauthorizeRequestId"].is_string(),
                    planned.reauthorize_at.is_some(),
                    "{case:?} {planned:?}"
                );
                call(
                    &service,
                    "record_capture_failure",
                    failed(&claimed, "final", &at.to_string(), &at.to_string()),
                )
                .await;
            } else {
                assert_eq!(
                    claim(&service, 25, "2033-01-01T00:00:00Z").await,
                    Vec::<Value>::new()
                );
            }
            unplanned += u32::from(planned.capture_at.is_none());
            renewed += u32::from(planned.reauthorize_at.is_some());
            early += u32::from(planned.before_it_lapses);
            cancel(
                &service,
                by_operator(&booking_id, &case.authorized_at.to_string()),
            )
            .await;
        }
        assert!(
            unplanned > 10 && renewed > 50 && early > 50,
            "every kind is met: {unplanned} {renewed} {early}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_renewed_and_taken_is_planned_from_what_happened() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let renewal = "2030-01-12T00:00:00Z";
        let claimed = renew(&service, &booked.booking_id, renewal).await;
        let new = json!({ "p_payment_id": booked.payment_id, "p_lease": claimed["lease"], "p_request_id": claimed["requestId"], "p_authorization_id": "AUTH-NEW", "p_now": renewal });
        call(&service, "record_reauthorization", new).await;
        call(&service, "release_payment", json!({ "p_payment_id": booked.payment_id, "p_lease": claimed["lease"], "p_now": renewal })).await;
        let (facts, scheduled) = read(&service, &booked.booking_id, renewal).await;
        assert_eq!((facts.authorized_at, facts.renewed_at), (Some(NOW.parse().unwrap()), Some(renewal.parse().unwrap())));
        let planned = plan(&facts, renewal.parse().unwrap());
        assert_eq!((planned.capture_at, planned.honoured_until), (scheduled, "2030-01-15T00:00:00Z".parse().unwrap()));

        let taken = "2030-01-13T00:00:00Z";
        take(&service, &booked, taken).await;
        let (facts, _) = read(&service, &booked.booking_id, taken).await;
        let planned = plan(&facts, taken.parse().unwrap());
        assert_eq!((planned.capture_at, planned.reauthorize_at), (Some(taken.parse().unwrap()), None));
        let already = call(&service, "claim_payment_capture", operators(&booked.booking_id, taken)).await;
        assert_eq!(already["outcome"], "already_captured");
    })
    .await;
}
