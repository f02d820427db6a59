//! What operators do to a booking before its time: `claim_payment_capture`; and `advance_bookings`.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::canceled_payments::{operators, upcoming, void};
use crate::cancellations::{by_customer, cancel};
use crate::captures::failed;
use crate::concurrency::{counts, in_turn, outcomes};
use crate::database::{Database, call, with_database};
use crate::fixtures::{Car, NOW, begin, capture_of, claim, hold, order, paid, with};

/// An id that nothing has.
pub(crate) const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// Claims the capture of a booking.
pub(crate) async fn capture(client: &Client, booking_id: &str, now: &str) -> Value {
    call(client, "claim_payment_capture", operators(booking_id, now)).await
}

/// Claims the renewal of a booking's authorization.
pub(crate) async fn renew(client: &Client, booking_id: &str, now: &str) -> Value {
    call(client, "claim_reauthorization", operators(booking_id, now)).await
}

#[tokio::test]
async fn a_capture_is_claimed_before_its_schedule_and_once() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let answer = capture(&service, &booked.booking_id, "2030-01-10T13:00:00Z").await;
        let claimed = answer["claim"].clone();
        assert_eq!(answer, json!({ "outcome": "claimed", "claim": {
            "paymentId": booked.payment_id, "bookingId": booked.booking_id, "reference": claimed["reference"], "lease": claimed["lease"],
            "authorizationId": format!("AUTH-{}", booked.payment_id), "authorizedAt": NOW, "authorizationExpiresAt": "2030-02-08T12:00:00Z",
            "orderId": booked.order_id, "amount": "237.60", "authorizedAmount": "237.60", "currency": "USD", "attempt": 1,
            "requestId": format!("{}:capture:1", booked.payment_id), "resumed": false, "reauthorizeRequestId": null,
        } }));
        let ordered = format!("action = 'capture.ordered' AND actor = 'operator:1' AND request_id = 'req-2' AND subject_id = '{}' AND detail = '{{\"bookingId\": \"{}\"}}' \
                               AND occurred_at = '2030-01-10T13:00:00Z'", booked.payment_id, booked.booking_id);
        assert_eq!(db.count("audit_log", &ordered).await, 1);
        let before = db.content().await;
        for now in ["2030-01-10T13:00:00Z", "2030-01-10T13:01:59Z"] {
            assert_eq!(capture(&service, &booked.booking_id, now).await, json!({ "outcome": "payment_in_progress" }));
        }
        assert_eq!(db.content().await, before);
        // Nothing was heard of the first: the next asks PayPal under the same id.
        let again = capture(&service, &booked.booking_id, "2030-01-10T13:02:00Z").await;
        let resumed = with(claimed, json!({ "lease": again["claim"]["lease"], "attempt": 2, "resumed": true }));
        assert_eq!(again["claim"], resumed);
        let captured = capture_of(&resumed, "2030-01-10T13:02:01Z");
        assert_eq!(call(&service, "record_capture", captured).await, json!({ "outcome": "captured" }));
        let already = json!({ "outcome": "already_captured", "captureId": format!("CAPTURE-{}", booked.payment_id) });
        assert_eq!(capture(&service, &booked.booking_id, "2030-01-10T13:03:00Z").await, already);
        call(&service, "record_observed_refunds", json!({ "p_payment_id": booked.payment_id, "p_total": "237.60", "p_now": NOW })).await;
        assert_eq!(capture(&service, &booked.booking_id, "2030-01-10T13:03:00Z").await, already);
        assert_eq!(db.count("audit_log", "action = 'capture.ordered'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_captured_but_what_is_held_for_a_booking_that_stands() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        assert_eq!(
            capture(&service, UNKNOWN, NOW).await,
            json!({ "outcome": "booking_not_found" })
        );
        let not_capturable = json!({ "outcome": "not_capturable" });
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let id = booking["bookingId"].as_str().unwrap();
        assert_eq!(capture(&service, id, NOW).await, not_capturable);
        let ordered = order(&service, &booking, NOW).await;
        assert_eq!(capture(&service, id, NOW).await, not_capturable);
        begin(&service, &ordered.order_id, NOW).await;
        assert_eq!(
            capture(&service, id, "2030-01-10T12:00:59Z").await,
            json!({ "outcome": "payment_in_progress" })
        );
        assert_eq!(
            capture(&service, id, "2030-01-10T12:01:00Z").await,
            not_capturable
        );
        // Cancelled at a console, where nothing was written down about its money.
        service
            .batch_execute(
                "BEGIN; UPDATE public.bookings SET status = 'cancelled', cancelled_at = now()",
            )
            .await
            .unwrap();
        assert_eq!(
            capture(&service, &booked.booking_id, NOW).await,
            not_capturable
        );
        service.batch_execute("ROLLBACK").await.unwrap();
        // A void leaves nothing to capture, whether it is done or only due.
        let answer = cancel(&service, by_customer(&booked.booking_id, NOW)).await;
        assert_eq!(
            capture(&service, &booked.booking_id, NOW).await,
            not_capturable
        );
        void(
            &service,
            &booked.payment_id,
            &answer["authorizationId"],
            NOW,
        )
        .await;
        assert_eq!(
            capture(&service, &booked.booking_id, NOW).await,
            not_capturable
        );
        assert_eq!(db.count("audit_log", "action = 'capture.ordered'").await, 0);
        assert_eq!(
            db.count("payment_operations", "operation = 'capture'")
                .await,
            0
        );
    })
    .await;
}

#[tokio::test]
async fn an_operator_need_not_wait_for_the_next_attempt() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let first = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        call(
            &service,
            "record_capture_failure",
            failed(
                &first,
                "retryable",
                "2030-01-20T10:00:00Z",
                "2030-01-19T10:00:01Z",
            ),
        )
        .await;
        assert_eq!(
            claim(&service, 1, "2030-01-19T10:00:02Z").await,
            Vec::<Value>::new()
        );
        let claimed = capture(&service, &booked.booking_id, "2030-01-19T10:00:02Z").await;
        assert_eq!(
            claimed["claim"]["reauthorizeRequestId"],
            first["reauthorizeRequestId"]
        );
        assert_eq!(claimed["claim"]["attempt"], 2);
        let last = failed(
            &claimed["claim"],
            "final",
            "2030-01-20T10:00:00Z",
            "2030-01-19T10:00:03Z",
        );
        call(&service, "record_capture_failure", last).await;
        assert_eq!(
            capture(&service, &booked.booking_id, "2030-01-19T10:00:04Z").await,
            json!({ "outcome": "not_capturable" })
        );
    })
    .await;
}

#[tokio::test]
async fn a_run_and_operators_at_once_claim_once() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let now = "2030-01-19T10:00:00Z";
        let operator = || operators(&booked.booking_id, now);
        let run = (
            "process_scheduled_payment_captures",
            json!({ "p_now": now }),
        );
        let (claimed, refused) = in_turn(&db, run, ("claim_payment_capture", operator())).await;
        assert_eq!(claimed.as_array().unwrap().len(), 1);
        assert_eq!(refused, json!({ "outcome": "payment_in_progress" }));
        call(
            &service,
            "record_capture_failure",
            failed(&claimed[0], "retryable", now, now),
        )
        .await;

        service.batch_execute("BEGIN").await.unwrap();
        assert_eq!(
            capture(&service, &booked.booking_id, now).await["outcome"],
            "claimed"
        );
        assert_eq!(
            claim(&db.service().await, 25, now).await,
            Vec::<Value>::new()
        );
        service.batch_execute("ROLLBACK").await.unwrap();

        let mixed = outcomes(
            &db,
            "claim_payment_capture",
            (0..10).map(|_| operator()).collect(),
        )
        .await;
        assert_eq!(mixed, counts([("claimed", 1), ("payment_in_progress", 9)]));
        assert_eq!(
            renew(&service, &booked.booking_id, now).await,
            json!({ "outcome": "payment_in_progress" })
        );
    })
    .await;
}

async fn advance(client: &Client, now: &str) -> Value {
    call(client, "advance_bookings", json!({ "p_now": now })).await
}

fn advanced(count: u32) -> Value {
    json!({ "outcome": "advanced", "count": count })
}

/// The states of all bookings in the order of their days.
async fn states(db: &Database) -> String {
    let states = db
        .value("SELECT string_agg(status, ' ' ORDER BY start_date) FROM bookings")
        .await;
    states.unwrap()
}

#[tokio::test]
async fn a_booking_moves_on_when_its_days_come_where_the_car_stands() {
    // As the clocks there say in January.
    for (time_zone, offset) in [
        ("UTC", "Z"),
        ("Pacific/Auckland", "+13"),
        ("America/Los_Angeles", "-08"),
    ] {
        with_database(move |db| async move {
            Car { time_zone, ..Car::default() }.insert(&db).await;
            let service = db.service().await;
            paid(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
            for (moment, count, state) in [
                ("2030-01-19T23:59:59", 0, "upcoming"),
                ("2030-01-20T00:00:00", 1, "active"),
                ("2030-01-20T00:00:00", 0, "active"),
                ("2030-01-23T23:59:59", 0, "active"),
                ("2030-01-24T00:00:00", 1, "completed"),
                ("2030-01-25T00:00:00", 0, "completed"),
            ] {
                assert_eq!(advance(&service, &format!("{moment}{offset}")).await, advanced(count), "{moment}");
                assert_eq!(states(&db).await, state, "{moment}");
            }
            let events = "SELECT string_agg(from_status || '>' || to_status, ' ' ORDER BY id) FROM booking_events WHERE from_status IS NOT NULL";
            assert_eq!(db.value(events).await.as_deref(), Some("pending_payment>upcoming upcoming>active active>completed"));
        })
        .await;
    }
}

#[tokio::test]
async fn only_what_stands_moves_on_and_what_is_over_is_still_captured() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let given_up = paid(&service, "plain", "2030-01-17", "2030-01-21", NOW).await;
        cancel(&service, by_customer(&given_up.booking_id, NOW)).await;
        hold(&service, "plain", "2030-01-22", "2030-01-26", NOW).await;
        paid(&service, "plain", "2030-01-27", "2030-01-31", NOW).await;
        // Nobody looked for weeks: straight from upcoming to completed, and to active.
        assert_eq!(advance(&service, "2030-01-28T00:00:00Z").await, advanced(2));
        assert_eq!(
            states(&db).await,
            "completed cancelled pending_payment active"
        );
        let captured = claim(&service, 25, "2030-01-28T00:00:00Z").await;
        assert_eq!(captured.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn so_many_move_on_at_a_time_and_nobody_is_waited_for() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        for (start, end) in [
            ("2030-01-12", "2030-01-16"),
            ("2030-01-17", "2030-01-21"),
            ("2030-01-22", "2030-01-26"),
        ] {
            paid(&service, "plain", start, end, NOW).await;
        }
        let now = "2030-01-22T00:00:00Z";
        let one = call(
            &service,
            "advance_bookings",
            json!({ "p_limit": 1, "p_now": now }),
        )
        .await;
        assert_eq!(one, advanced(1));
        assert_eq!(states(&db).await, "completed upcoming upcoming");
        service
            .batch_execute(
                "BEGIN; SELECT FROM public.bookings WHERE start_date = '2030-01-17' FOR UPDATE",
            )
            .await
            .unwrap();
        assert_eq!(advance(&db.service().await, now).await, advanced(1));
        assert_eq!(states(&db).await, "completed upcoming active");
        service.batch_execute("COMMIT").await.unwrap();
        assert_eq!(advance(&service, now).await, advanced(1));
        assert_eq!(states(&db).await, "completed completed active");
    })
    .await;
}
