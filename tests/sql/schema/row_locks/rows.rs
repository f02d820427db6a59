//! Bookings and payments that several tables lock.

use crate::support::{
    capture::capture_failure,
    database::{Database, call},
    fixtures::{Car, NOW, OrderedBooking, book_and_pay, order},
    operator::claim_capture,
    row_locks::{Row, row},
};
use serde_json::json;
use tokio_postgres::Client;

pub(super) async fn insert_car(db: &Database, slug: &'static str) -> String {
    let car = Car {
        slug,
        ..Car::default()
    };
    car.insert(db).await
}

pub(super) fn payment_row(payment_id: &str) -> Row {
    row("payment", "payments", "id", payment_id)
}

/// The car, the booking and the payment, in the order in which functions lock them.
pub(super) fn rows_of(car_id: &str, booking: &OrderedBooking) -> [Row; 3] {
    [
        row("car", "cars", "id", car_id),
        row("booking", "bookings", "id", &booking.booking_id),
        payment_row(&booking.payment_id),
    ]
}

/// A booking whose first payment PayPal refused to capture, and the order of the second one.
/// Returns both.
pub(super) async fn order_again(client: &Client, car: &str) -> (OrderedBooking, OrderedBooking) {
    let first = book_and_pay(client, car, "2030-01-20", "2030-01-24", NOW).await;
    let claim = claim_capture(client, &first.booking_id, NOW).await["claim"].clone();
    let failure = capture_failure(&claim, "declined", NOW, NOW);
    call(client, "record_capture_failure", failure).await;
    let arguments = json!({ "p_booking_id": first.booking_id, "p_now": NOW });
    let booking = call(client, "get_booking", arguments).await;
    let second = order(client, &booking, NOW).await;
    assert_ne!(first.payment_id, second.payment_id);
    (first, second)
}
