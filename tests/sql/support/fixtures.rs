//! Cars and bookings for the tests. The product's own functions bring bookings to their states.

use crate::support::database::{Database, call};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The time at the start of each test.
pub(crate) const NOW: &str = "2030-01-10T12:00:00Z";

/// An id that no row has.
pub(crate) const UNKNOWN_ID: &str = "00000000-0000-4000-8000-000000000000";

/// A car. The default is the car of the price example: 4 plain days cost 237.60.
pub(crate) struct Car {
    pub(crate) slug: &'static str,
    pub(crate) base_price: Option<&'static str>,
    pub(crate) status: &'static str,
    pub(crate) time_zone: &'static str,
    pub(crate) turnaround_days: u32,
    pub(crate) rental_days: (u32, u32),
}

impl Default for Car {
    fn default() -> Self {
        Self {
            slug: "plain",
            status: "listed",
            time_zone: "UTC",
            turnaround_days: 1,
            rental_days: (1, 30),
            base_price: Some("50.00"),
        }
    }
}

impl Car {
    /// Stores the car with its price, a fee of 40.00 and 10 % off from 4 days. Returns its id.
    pub(crate) async fn insert(self, db: &Database) -> String {
        let (min, max) = self.rental_days;
        let id = db
            .value(&format!("SELECT md5('{}')::uuid", self.slug))
            .await
            .unwrap();
        db.run(&format!(
            "INSERT INTO cars (id, slug, name, make, model, year, category, status, time_zone, turnaround_days, min_rental_days, max_rental_days) \
             VALUES ('{id}', '{0}', 'Car {0}', 'Make', 'Model', 2024, 'coupe', '{1}', '{2}', {3}, {min}, {max})",
            self.slug, self.status, self.time_zone, self.turnaround_days,
        ))
        .await;
        if let Some(base) = self.base_price {
            db.run(&format!(
                "INSERT INTO car_pricing (car_id, base_price_per_day, deposit_amount, tax_percent) VALUES ('{id}', {base}, 500, 10);\
                 INSERT INTO car_fees (car_id, code, label, amount) VALUES ('{id}', 'cleaning', 'Cleaning', 40);\
                 INSERT INTO pricing_rules (car_id, kind, name, min_days, percent) VALUES ('{id}', 'discount', 'From 4 days', 4, 10)"
            ))
            .await;
        }
        id
    }
}

/// The arguments that book a car.
pub(crate) fn rental(car: &str, start: &str, end: &str) -> Value {
    json!({ "p_car": car, "p_start_date": start, "p_end_date": end, "p_now": NOW })
}

/// Adds arguments, or replaces those of the same name.
pub(crate) fn with(mut arguments: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("arguments must be an object")
    };
    arguments.as_object_mut().unwrap().extend(more);
    arguments
}

/// Creates a hold and returns the booking.
pub(crate) async fn hold(client: &Client, car: &str, start: &str, end: &str, now: &str) -> Value {
    let result = call(
        client,
        "create_booking",
        with(rental(car, start, end), json!({ "p_now": now })),
    )
    .await;
    assert_eq!(result["outcome"], "created", "{result}");
    result["booking"].clone()
}

/// A booking with a PayPal order.
#[expect(clippy::struct_field_names, reason = "three different ids")]
pub(crate) struct OrderedBooking {
    pub(crate) booking_id: String,
    pub(crate) payment_id: String,
    pub(crate) order_id: String,
}

/// The arguments of `open_payment` for a booking.
pub(crate) fn payment_of(booking: &Value, now: &str) -> Value {
    json!({ "p_booking_id": booking["bookingId"], "p_car": booking["carSlug"],
            "p_start_date": booking["startDate"], "p_end_date": booking["endDate"], "p_now": now })
}

/// Creates a PayPal order for a booking.
pub(crate) async fn order(client: &Client, booking: &Value, now: &str) -> OrderedBooking {
    let payment = call(client, "open_payment", payment_of(booking, now)).await;
    assert_eq!(payment["outcome"], "create_order", "{payment}");
    let payment_id = payment["paymentId"].as_str().unwrap().to_owned();
    let order_id = format!("ORDER-{}", payment["requestId"].as_str().unwrap());
    let arguments = json!({ "p_payment_id": payment_id, "p_request_id": payment["requestId"], "p_order_id": order_id,
                            "p_approve_url": format!("https://paypal.test/{order_id}"), "p_now": now });
    assert_eq!(
        call(client, "record_paypal_order", arguments).await["outcome"],
        "recorded"
    );
    OrderedBooking {
        booking_id: booking["bookingId"].as_str().unwrap().to_owned(),
        payment_id,
        order_id,
    }
}

/// The arguments that record an authorization of 237.60 under the payment's first request id.
pub(crate) fn authorization(payment_id: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_request_id": format!("{payment_id}:authorize:1"),
            "p_authorization_id": format!("AUTH-{payment_id}"), "p_amount": "237.60", "p_currency": "USD",
            "p_expires_at": "2030-02-08T12:00:00Z", "p_now": now })
}

pub(crate) async fn begin_authorization(client: &Client, order_id: &str, now: &str) -> Value {
    call(
        client,
        "begin_authorization",
        json!({ "p_order_id": order_id, "p_now": now }),
    )
    .await
}

/// Begins an authorization after PayPal has shown the order as `seen`.
pub(crate) async fn begin_seen(client: &Client, order_id: &str, seen: &str, now: &str) -> Value {
    let arguments = json!({ "p_order_id": order_id, "p_seen": seen, "p_now": now });
    call(client, "begin_authorization", arguments).await
}

/// Records that the claimed call failed.
pub(crate) async fn fail(client: &Client, claim: &Value, kind: &str, now: &str) {
    let failure = json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["requestId"],
                          "p_error_code": "SOME_CODE", "p_kind": kind, "p_now": now });
    let result = call(client, "record_payment_failure", failure).await;
    assert_eq!(result["outcome"], "recorded");
}

/// Records an authorization of 237.60 for a claim.
pub(crate) async fn authorize_claim(client: &Client, claim: &Value, id: &str, now: &str) -> Value {
    let arguments = json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["requestId"],
                            "p_authorization_id": id, "p_amount": "237.60", "p_currency": "USD",
                            "p_expires_at": "2030-02-08T12:00:00Z", "p_now": now });
    call(client, "record_authorization", arguments).await
}

/// Inserts a car with an unpaid booking from the 20th to the 24th, and its order.
pub(crate) async fn ordered_booking(db: &Database) -> (Client, Value, OrderedBooking) {
    Car::default().insert(db).await;
    let service = db.service().await;
    let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
    let payment = order(&service, &booking, NOW).await;
    (service, booking, payment)
}

/// Books 4 days and pays them: the booking is authorized and confirmed.
pub(crate) async fn book_and_pay(
    client: &Client,
    car: &str,
    start: &str,
    end: &str,
    now: &str,
) -> OrderedBooking {
    let booking = hold(client, car, start, end, now).await;
    let payment = order(client, &booking, now).await;
    assert_eq!(
        begin_authorization(client, &payment.order_id, now).await["outcome"],
        "authorize"
    );
    let result = call(
        client,
        "record_authorization",
        authorization(&payment.payment_id, now),
    )
    .await;
    assert_eq!(result["outcome"], "confirmed", "{result}");
    payment
}

/// Inserts a car with a paid booking from the 20th to the 24th.
pub(crate) async fn upcoming_booking(db: &Database) -> (Client, OrderedBooking) {
    Car::default().insert(db).await;
    let service = db.service().await;
    let booking = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
    (service, booking)
}
