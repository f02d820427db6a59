//! `POST /api/bookings/create-paypal-order`.

use crate::support::{
    checkout::{self, Hold, request_order},
    client::{Client, Response},
    database::Database,
    environment::new_uuid,
    isolation::share_system,
    local_system::in_days,
    paypal::{self, exchanges_about},
    rental::Rental,
};
use serde_json::{Value, json};
use uuid::Uuid;

const PATH: &str = "/api/bookings/create-paypal-order";

/// The body of an order under a shop's own reference.
fn body_with_reference(rental: &Rental, reference: &str) -> Value {
    let mut body = rental.body();
    body["bookingId"] = json!(reference);
    body
}

async fn post_order(client: &Client, body: &Value) -> Response {
    client.with_new_address().post(PATH, body).await
}

#[tokio::test]
async fn order_amount_equals_booking_price() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 3).await).await;
    let response = request_order(&client, &hold, Some("A weekend – für Zoë"))
        .await
        .expect(201);
    assert_eq!(response["success"], true);
    assert_eq!(response["bookingId"], json!(hold.id));
    assert_eq!(
        (&response["amount"], &response["currency"]),
        (&json!(hold.price), &json!(hold.currency))
    );
    assert_eq!(
        response["bookingToken"],
        Value::Null,
        "only the call that creates the hold returns the token"
    );

    let exchanges = exchanges_about(&database, hold.id).await;
    let [exchange] = exchanges.of("orders.create")[..] else {
        panic!("not exactly one order")
    };
    let request_body = &exchange["requestBody"];
    let unit = &request_body["purchase_units"][0];
    assert_eq!(request_body["intent"], "AUTHORIZE");
    assert_eq!(unit["custom_id"], json!(hold.id));
    assert_eq!(
        unit["amount"],
        json!({"currency_code": hold.currency, "value": hold.price})
    );
    assert_eq!(unit["description"], "A weekend – für Zoë");
    let payments = database.payments(hold.id).await;
    let request_id = format!("{}:order:1", checkout::text(&payments[0]["id"]));
    assert_eq!(
        exchange["requestHeaders"]["paypal-request-id"],
        json!(request_id)
    );
}

#[tokio::test]
async fn repeated_call_returns_same_order() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let first = request_order(&client, &hold, None).await.expect(201);
    assert_eq!(request_order(&client, &hold, None).await.expect(201), first);
    paypal::approve(&checkout::text(&first["approveUrl"])).await;
    assert_eq!(
        request_order(&client, &hold, Some("other words"))
            .await
            .expect(201),
        first
    );
    assert_eq!(
        exchanges_about(&database, hold.id)
            .await
            .of("orders.create")
            .len(),
        1
    );
    assert_eq!(database.payments(hold.id).await.len(), 1);
}

#[tokio::test]
async fn shop_reference_creates_hold_once() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    // A UUID that names no booking is a reference.
    for reference in [format!("shop.{}", new_uuid()), new_uuid().to_string()] {
        let rental = Rental::far_ahead(&client, 2).await;
        let quote = rental.quote(&client).await;
        let body = body_with_reference(&rental, &reference);
        let mut first = post_order(&client, &body).await.expect(201);
        assert_eq!(first["amount"], quote["finalPrice"]);
        let id: Uuid = checkout::text(&first["bookingId"]).parse().unwrap();
        let token = checkout::text(&first["bookingToken"]);
        assert_ne!(id.to_string(), reference);
        let booking = client
            .get_as(&token, &format!("/api/bookings/{id}"))
            .await
            .expect(200);
        assert_eq!(booking["booking"]["status"], "pending_payment");

        first.as_object_mut().unwrap().remove("bookingToken");
        assert_eq!(
            post_order(&client, &body).await.expect(201),
            first,
            "the second response has no token"
        );
        let mut by_id = body.clone();
        by_id["bookingId"] = json!(id);
        assert_eq!(
            post_order(&client, &by_id).await.expect(201),
            first,
            "the id of the booking works like the reference"
        );
        assert_eq!(database.live_bookings(&rental).await, 1);
        assert_eq!(
            exchanges_about(&database, id)
                .await
                .of("orders.create")
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn cheap_order_cannot_pay_other_car() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let cheap = checkout::create_hold(&client, &Rental::far_ahead(&client, 3).await).await;
    let other = cheap.rental.for_another_car(&client, 3).await;
    let swapped = Hold {
        rental: other.clone(),
        ..cheap.clone()
    };
    request_order(&client, &swapped, None)
        .await
        .expect_problem(409, "booking_mismatch");
    let same_days = Rental {
        car: other.car.clone(),
        ..cheap.rental.clone()
    };
    let swapped = Hold {
        rental: same_days,
        ..cheap.clone()
    };
    request_order(&client, &swapped, None)
        .await
        .expect_problem(409, "booking_mismatch");
    assert_eq!(database.payments(cheap.id).await.len(), 0);
    assert_eq!(database.live_bookings(&other).await, 0);
}

#[tokio::test]
async fn short_order_cannot_pay_longer_rental() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 5).await;
    let hold = checkout::create_hold(&client, &rental.part(0, 2)).await;
    for other in [rental.part(0, 5), rental.part(1, 2)] {
        let stretched = Hold {
            rental: other,
            ..hold.clone()
        };
        request_order(&client, &stretched, None)
            .await
            .expect_problem(409, "booking_mismatch");
    }
}

#[tokio::test]
async fn shop_reference_keeps_car_and_days() {
    let _guard = share_system().await;
    let client = Client::new();
    let (rental, reference) = (
        Rental::far_ahead(&client, 5).await,
        format!("ref-{}", new_uuid()),
    );
    post_order(
        &client,
        &body_with_reference(&rental.part(0, 2), &reference),
    )
    .await
    .expect(201);
    post_order(&client, &body_with_reference(&rental, &reference))
        .await
        .expect_problem(409, "booking_mismatch");
}

#[tokio::test]
async fn wrong_price_refused_and_audited() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let rental = Rental::far_ahead(&client, 2).await;
    let mut body = body_with_reference(&rental, &format!("ref-{}", new_uuid()));
    body["totalPrice"] = json!(1);
    let response = post_order(&client, &body).await;
    let problem = response.expect_problem(422, "price_mismatch");
    assert_eq!(
        problem["serverPrice"],
        rental.quote(&client).await["finalPrice"]
    );
    assert_eq!(database.live_bookings(&rental).await, 0);
    let events =
        "SELECT count(*) FROM security_events WHERE kind = 'price_mismatch' AND request_id = $1";
    assert_eq!(
        database
            .number(events, &[&response.header("x-request-id")])
            .await,
        1
    );
}

#[tokio::test]
async fn wrong_price_refused_for_existing_booking() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let mut body = hold.rental.body();
    body["bookingId"] = json!(hold.id);
    body["totalPrice"] = json!("1.00");
    let problem = post_order(&client, &body)
        .await
        .expect_problem(422, "price_mismatch");
    assert_eq!(problem["serverPrice"], json!(hold.price));
    assert_eq!(database.payments(hold.id).await.len(), 0);
}

#[tokio::test]
async fn paid_booking_refuses_another_order() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    request_order(&client, &paid.hold, None)
        .await
        .expect_problem(409, "already_paid");
}

#[tokio::test]
async fn shop_reference_holds_no_unavailable_car() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 2).await;
    checkout::create_hold(&client, &rental).await;
    let conflict = post_order(
        &client,
        &body_with_reference(&rental, &format!("ref-{}", new_uuid())),
    )
    .await;
    assert_eq!(
        conflict.expect_problem(409, "dates_unavailable")["unavailableDates"][0],
        json!(rental.start)
    );

    let (start, end) = (in_days(60).await, in_days(62).await);
    for car in ["nobody", "koenigsegg-regera", "ferrari-f40"] {
        let body = json!({"carId": car, "startDate": start, "endDate": end, "bookingId": "shop-1"});
        post_order(&client, &body)
            .await
            .expect_problem(404, "car_not_found");
    }
    for (first, days, pointer, code) in [
        (-3, 2, "/startDate", "in_the_past"),
        (380, 2, "/startDate", "too_far_ahead"),
        (200, 25, "/endDate", "too_long"),
    ] {
        let body = json!({
            "carId": "123", "bookingId": format!("ref-{}", new_uuid()),
            "startDate": in_days(first).await, "endDate": in_days(first + days).await,
        });
        post_order(&client, &body)
            .await
            .expect_rental_refused(pointer, code);
    }
    let body = json!({
        "carId": "porsche-918-spyder", "bookingId": format!("ref-{}", new_uuid()),
        "startDate": in_days(200).await, "endDate": in_days(201).await,
    });
    post_order(&client, &body)
        .await
        .expect_rental_refused("/endDate", "too_short");
}
