//! Invalid rows and invalid transitions are refused, even for a superuser.

use crate::support::{
    database::{Database, with_database},
    fixtures::{Car, NOW, book_and_pay, hold},
};
use exodrive::domain::{
    booking_state::{self, BookingEvent, BookingState},
    payment_state::{self, PaymentEvent, PaymentState},
};
use tokio_postgres::error::SqlState;

/// Whether the product's state machine has a transition from one state to another.
fn payment_may_become(from: PaymentState, to: PaymentState) -> bool {
    PaymentEvent::ALL
        .into_iter()
        .any(|event| payment_state::transition(from, event).state(from) == to)
}

fn booking_may_become(from: BookingState, to: BookingState) -> bool {
    BookingEvent::ALL
        .into_iter()
        .any(|event| booking_state::transition(from, event) == Some(to))
}

/// The assignments that make a payment's row valid in a state.
fn columns(state: &str) -> String {
    let authorized_at = if state == "created" { "NULL" } else { "now()" };
    let is_captured = matches!(state, "captured" | "partially_refunded" | "refunded");
    let refunded_amount = match state {
        "partially_refunded" => "1",
        "refunded" => "237.60",
        _ => "0",
    };
    let (at, amount) = if is_captured {
        ("now()", "237.60")
    } else {
        ("NULL", "NULL")
    };
    let id = if is_captured || state == "capture_pending" {
        "'CAP'"
    } else {
        "NULL"
    };
    let authorization = if state == "created" { "NULL" } else { "'AUTH'" };
    format!(
        "status = '{state}', authorization_id = {authorization}, authorized_at = {authorized_at}, authorization_expires_at = {authorized_at}, \
         capture_id = {id}, captured_at = {at}, captured_amount = {amount}, refunded_amount = {refunded_amount}"
    )
}

async fn set_payment(db: &Database, state: &str) {
    db.run(&format!("SET session_replication_role = replica; UPDATE payments SET {}; RESET session_replication_role", columns(state))).await;
}

#[tokio::test]
async fn payment_makes_only_allowed_transitions() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        book_and_pay(
            &db.service().await,
            "plain",
            "2030-01-20",
            "2030-01-24",
            NOW,
        )
        .await;
        for from in PaymentState::ALL {
            for to in PaymentState::ALL.into_iter().filter(|to| *to != from) {
                set_payment(&db, from.name()).await;
                let update = format!("UPDATE payments SET {}", columns(to.name()));
                if payment_may_become(from, to) {
                    db.run(&update).await;
                } else {
                    assert_eq!(
                        db.refusal(&update).await,
                        SqlState::CHECK_VIOLATION,
                        "{from:?} -> {to:?}"
                    );
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn booking_makes_only_allowed_transitions() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        hold(&db.service().await, "plain", "2030-01-20", "2030-01-24", NOW).await;
        for from in BookingState::ALL {
            for to in BookingState::ALL.into_iter().filter(|to| *to != from) {
                let columns = |state: BookingState| format!("status = '{}', confirmed_at = now(), cancelled_at = {}", state.name(), if state == BookingState::Cancelled { "now()" } else { "NULL" });
                db.run(&format!("SET session_replication_role = replica; UPDATE bookings SET {}; RESET session_replication_role", columns(from))).await;
                let events = db.count("booking_events", "true").await;
                let update = format!("UPDATE bookings SET {}", columns(to));
                if booking_may_become(from, to) {
                    db.run(&update).await;
                    assert_eq!(db.count("booking_events", "true").await, events + 1, "{from:?} -> {to:?}");
                } else {
                    assert_eq!(db.refusal(&update).await, SqlState::CHECK_VIOLATION, "{from:?} -> {to:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn impossible_rows_are_refused() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        book_and_pay(&db.service().await, "plain", "2030-01-20", "2030-01-24", NOW).await;
        for change in [
            "UPDATE bookings SET end_date = start_date",
            "UPDATE bookings SET end_date = '9999-12-31'",
            "UPDATE bookings SET final_price = 1",
            "UPDATE bookings SET fees = -1, final_price = 196.60",
            "UPDATE bookings SET turnaround_days = -1",
            "UPDATE bookings SET reference = 'EXO-O0I1LL'",
            "UPDATE bookings SET confirmed_at = NULL",
            "UPDATE bookings SET cancelled_at = now()",
            "UPDATE payments SET capture_id = 'CAP'",
            "UPDATE payments SET status = 'captured'",
            "UPDATE payments SET authorization_id = NULL, authorized_at = NULL, authorization_expires_at = NULL",
            "UPDATE payments SET refunded_amount = 1",
            "UPDATE payments SET amount = 0",
            "UPDATE cars SET slug = '00000000-0000-4000-8000-000000000000'",
            "UPDATE cars SET slug = 'Not A Slug'",
            "UPDATE cars SET max_rental_days = 0",
            "UPDATE car_pricing SET base_price_per_day = 0",
            "UPDATE car_pricing SET currency = 'JPY'",
            "UPDATE pricing_rules SET percent = 100",
            "UPDATE pricing_rules SET multiplier = 2",
            "INSERT INTO pricing_rules (kind, name, multiplier, weekdays) VALUES ('rate', 'x', 1, '{8}')",
            "INSERT INTO payment_capture_rules (name, kind, priority) VALUES ('x', 'hours_before_rental', 1)",
        ] {
            assert_eq!(db.refusal(change).await, SqlState::CHECK_VIOLATION, "{change}");
        }
        assert_eq!(db.refusal("UPDATE cars SET time_zone = 'Mars/Olympus'").await, SqlState::INVALID_PARAMETER_VALUE);
    })
    .await;
}

#[tokio::test]
async fn exclusion_constraint_refuses_double_booking() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        book_and_pay(&db.service().await, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let copy = |status: &str, reference: &str, shift: u32| {
            format!(
                "INSERT INTO bookings (reference, car_id, status, start_date, end_date, turnaround_days, currency, base_price_per_day, price_lines, \
                 rental_amount, fees, discount_amount, taxes, deposit_amount, final_price, hold_expires_at, confirmed_at, cancelled_at) \
                 SELECT '{reference}', car_id, '{status}', start_date + {shift}, end_date + {shift}, 1, currency, base_price_per_day, price_lines, \
                 rental_amount, fees, discount_amount, taxes, deposit_amount, final_price, now(), now(), CASE WHEN '{status}' = 'cancelled' THEN now() END \
                 FROM bookings ORDER BY created_at LIMIT 1"
            )
        };
        for (status, reference, shift) in [("pending_payment", "EXO-AAAAAA", 0), ("upcoming", "EXO-AAAAAA", 3), ("active", "EXO-AAAAAA", 4), ("completed", "EXO-AAAAAA", 4)] {
            assert_eq!(db.refusal(&copy(status, reference, shift)).await, SqlState::EXCLUSION_VIOLATION, "{status} {shift}");
        }
        for (status, reference) in [("expired", "EXO-BBBBBB"), ("cancelled", "EXO-CCCCCC")] {
            db.run(&copy(status, reference, 0)).await;
        }
        db.run(&copy("upcoming", "EXO-EEEEEE", 5)).await;
        assert_eq!(db.refusal("UPDATE bookings SET start_date = start_date - 1 WHERE reference = 'EXO-EEEEEE'").await, SqlState::EXCLUSION_VIOLATION);
    })
    .await;
}
