//! Giving bookings up: who may and when, how much goes back, and what is written down.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::concurrency::{counts, outcomes};
use crate::database::{call, with_database};
use crate::fixtures::{Car, NOW, Ordered, claim, hold, order, paid, rental, take, with};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// The arguments by which a customer cancels.
pub(crate) fn by_customer(booking_id: &str, now: &str) -> Value {
    json!({ "p_booking_id": booking_id, "p_actor": "customer", "p_request_id": "req-1", "p_now": now })
}

/// The arguments by which an operator cancels.
pub(crate) fn by_operator(booking_id: &str, now: &str) -> Value {
    with(
        by_customer(booking_id, now),
        json!({ "p_actor": "operator:1", "p_by_operator": true }),
    )
}

/// Cancels and gives the answer.
pub(crate) async fn cancel(client: &Client, arguments: Value) -> Value {
    call(client, "cancel_booking", arguments).await
}

/// What an answer says of the money: how much of a hundred, how much, where it is, and what is to be done.
pub(crate) fn terms(answer: &Value) -> String {
    let word = |member: &str| answer[member].as_str().unwrap().to_owned();
    let (amount, status, settlement) = (word("amount"), word("refundStatus"), word("settlement"));
    format!("{} {amount} {status} {settlement}", answer["percent"])
}

/// A booking of the 20th to the 24th that is authorized.
async fn upcoming(client: &Client) -> Ordered {
    paid(client, "plain", "2030-01-20", "2030-01-24", NOW).await
}

#[tokio::test]
async fn a_hold_is_given_up_and_its_days_are_free() {
    with_database(|db| async move {
        let car_id = Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let id = booking["bookingId"].as_str().unwrap();
        let arguments = with(by_customer(id, "2030-01-10T12:01:00Z"), json!({ "p_reason": "other plans" }));
        let answer = cancel(&service, arguments).await;
        assert_eq!(answer, json!({
            "outcome": "cancelled", "bookingId": id, "reference": booking["reference"], "carId": car_id, "carSlug": "plain",
            "percent": 100, "amount": "0.00", "currency": "USD", "refundStatus": "none", "settlement": "none",
            "paymentId": null, "authorizationId": null, "refundId": null,
        }));
        let written = "status = 'cancelled' AND cancelled_at = '2030-01-10T12:01:00Z' AND cancelled_by = 'customer' \
                       AND cancellation_reason = 'other plans' AND refund_percent = 100";
        assert_eq!(db.count("bookings", written).await, 1);
        let traced = "from_status = 'pending_payment' AND to_status = 'cancelled' AND occurred_at = '2030-01-10T12:01:00Z'";
        assert_eq!(db.count("booking_events", traced).await, 1);
        let entry = db.value("SELECT to_jsonb(a) - 'id' FROM audit_log AS a").await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&entry).unwrap(), json!({
            "occurred_at": "2030-01-10T12:01:00+00:00", "actor": "customer", "action": "booking.cancelled", "subject_type": "booking",
            "subject_id": id, "request_id": "req-1",
            "detail": { "percent": 100, "settlement": "none", "amount": "0.00", "reason": "other plans" },
        }));
        let again = call(&service, "create_booking", rental("plain", "2030-01-20", "2030-01-24")).await;
        assert_eq!(again["outcome"], "created");
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_lapsed_is_given_up_like_any_other() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let one = "2030-01-10T13:00:00Z";
        let lapsed = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let ordered = order(&service, &lapsed, NOW).await;
        let answer = cancel(&service, by_customer(&ordered.booking_id, one)).await;
        assert_eq!(terms(&answer), "100 0.00 none none");
        assert_eq!(answer["paymentId"], ordered.payment_id);

        let expired = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        call(&service, "expire_holds", json!({ "p_now": one })).await;
        let id = expired["bookingId"].as_str().unwrap();
        let answer = cancel(&service, by_customer(id, "2030-01-25T00:00:00Z")).await;
        assert_eq!(answer["outcome"], "cancelled");
        assert_eq!(terms(&answer), "100 0.00 none none");
        assert_eq!(db.count("bookings", "status = 'cancelled'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn what_may_not_be_cancelled_is_left_as_it_is() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let first_day = "2030-01-20T12:00:00Z";
        let begun = upcoming(&service).await;
        let over = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        call(&service, "advance_bookings", json!({ "p_now": first_day })).await;
        let before = db.content().await;
        for (arguments, outcome) in [
            (by_operator(UNKNOWN, first_day), "booking_not_found"),
            (
                by_customer(&begun.booking_id, first_day),
                "booking_not_cancellable",
            ),
            (
                by_customer(&over.booking_id, first_day),
                "booking_not_cancellable",
            ),
            (
                by_operator(&over.booking_id, first_day),
                "booking_not_cancellable",
            ),
        ] {
            assert_eq!(
                cancel(&service, arguments).await,
                json!({ "outcome": outcome }),
                "an outcome, and nothing else"
            );
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn how_much_goes_back_turns_on_the_day_where_the_car_stands() {
    // As the clocks there say in January.
    for (time_zone, offset) in [
        ("UTC", "Z"),
        ("Pacific/Auckland", "+13"),
        ("America/Los_Angeles", "-08"),
    ] {
        with_database(move |db| async move {
            Car {
                time_zone,
                ..Car::default()
            }
            .insert(&db)
            .await;
            let service = db.service().await;
            for (now, expected) in [
                ("2030-01-13T23:59:59", "100 237.60 pending void"),
                ("2030-01-14T00:00:00", "50 118.80 pending capture"),
                ("2030-01-18T23:59:59", "50 118.80 pending capture"),
                ("2030-01-19T00:00:00", "0 0.00 none capture"),
                ("2030-01-19T23:59:59", "0 0.00 none capture"),
            ] {
                let booked = upcoming(&service).await;
                let answer = cancel(
                    &service,
                    by_customer(&booked.booking_id, &format!("{now}{offset}")),
                )
                .await;
                assert_eq!(terms(&answer), expected, "{now} in {time_zone}");
            }
            let booked = upcoming(&service).await;
            let first_day = format!("2030-01-20T00:00:00{offset}");
            let refused = cancel(&service, by_customer(&booked.booking_id, &first_day)).await;
            assert_eq!(refused, json!({ "outcome": "booking_not_cancellable" }));
        })
        .await;
    }
}

#[tokio::test]
async fn the_rules_are_rows_and_what_is_kept_is_whole_cents() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        db.run("DELETE FROM cancellation_rules; INSERT INTO cancellation_rules VALUES (10, 33), (3, 1)").await;
        // 33 % of 237.60 is 78.408, 1 % is 2.376.
        for (now, expected, kept) in [
            (NOW, "33 78.41 pending capture", "159.19"),
            ("2030-01-11T00:00:00Z", "1 2.38 pending capture", "235.22"),
            ("2030-01-18T00:00:00Z", "0 0.00 none capture", "237.60"),
        ] {
            let booked = upcoming(&service).await;
            assert_eq!(terms(&cancel(&service, by_customer(&booked.booking_id, now)).await), expected);
            let payment = format!("id = '{}' AND capture_amount = {kept} AND void_reason IS NULL", booked.payment_id);
            assert_eq!(db.count("payments", &payment).await, 1, "{now}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_operator_gives_all_back_even_of_what_has_begun() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let near = upcoming(&service).await;
        let answer = cancel(&service, by_operator(&near.booking_id, "2030-01-19T23:59:59Z")).await;
        assert_eq!(terms(&answer), "100 237.60 pending void");
        let began = "2030-01-21T00:00:00Z";
        let active = upcoming(&service).await;
        call(&service, "advance_bookings", json!({ "p_now": began })).await;
        let answer = cancel(&service, by_operator(&active.booking_id, began)).await;
        assert_eq!(terms(&answer), "100 237.60 pending void");
        let traced = "from_status = 'active' AND to_status = 'cancelled' AND occurred_at = '2030-01-21T00:00:00Z'";
        assert_eq!(db.count("booking_events", traced).await, 1);
    })
    .await;
}

#[tokio::test]
async fn only_what_is_not_captured_can_be_void_alone() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let void_only =
            |booking_id: &str| with(by_operator(booking_id, NOW), json!({ "p_void_only": true }));
        let captured = upcoming(&service).await;
        take(&service, &captured, NOW).await;
        let before = db.content().await;
        assert_eq!(
            cancel(&service, void_only(&captured.booking_id)).await,
            json!({ "outcome": "already_captured" })
        );
        assert_eq!(db.content().await, before);

        let authorized = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let answer = cancel(&service, void_only(&authorized.booking_id)).await;
        assert_eq!(terms(&answer), "100 237.60 pending void");
        assert_eq!(
            answer["authorizationId"],
            format!("AUTH-{}", authorized.payment_id)
        );
        // What is being captured is neither.
        let claimed = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        claim(&service, 1, "2030-01-11T10:00:00Z").await;
        assert_eq!(
            cancel(&service, void_only(&claimed.booking_id)).await,
            json!({ "outcome": "payment_in_progress", "paymentId": claimed.payment_id })
        );
    })
    .await;
}

#[tokio::test]
async fn the_first_answer_is_given_every_time() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booked = upcoming(&service).await;
        let first = cancel(
            &service,
            by_customer(&booked.booking_id, "2030-01-15T00:00:00Z"),
        )
        .await;
        assert_eq!(first["outcome"], "cancelled");
        let before = db.content().await;
        let expected = with(first, json!({ "outcome": "already_cancelled" }));
        for again in [
            by_customer(&booked.booking_id, "2030-01-15T00:00:00Z"),
            by_customer(&booked.booking_id, "2030-02-15T00:00:00Z"),
            with(
                by_operator(&booked.booking_id, "2030-01-16T00:00:00Z"),
                json!({ "p_void_only": true, "p_reason": "again" }),
            ),
        ] {
            assert_eq!(cancel(&service, again).await, expected);
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn many_at_once_cancel_once() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booked = upcoming(&service).await;
        take(&service, &booked, NOW).await;
        let calls = (0..10)
            .map(|_| by_customer(&booked.booking_id, "2030-01-15T00:00:00Z"))
            .collect();
        assert_eq!(
            outcomes(&db, "cancel_booking", calls).await,
            counts([("already_cancelled", 9), ("cancelled", 1)])
        );
        assert_eq!(
            db.count("audit_log", "action = 'booking.cancelled'").await,
            1
        );
        assert_eq!(db.count("refunds", "amount = 118.80").await, 1);
        assert_eq!(db.count("refunds", "true").await, 1);
    })
    .await;
}
