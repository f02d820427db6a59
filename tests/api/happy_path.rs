//! One booking from the list of cars to the captured payment.

use crate::support::{
    capture_cron::{results_for, run_cron},
    checkout,
    client::Client,
    database::Database,
    isolation::run_alone,
    local_system::{advance_clock_past, now},
    paypal::{self, exchanges_about},
    rental::Rental,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[tokio::test]
async fn booking_from_list_to_captured_payment() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::soon(&client, 4).await;
        let list_path = format!("/api/cars?limit=50&availableFrom={}&availableTo={}", rental.start, rental.end);

        // 1. The list shows the car. Its availability shows the days and the price.
        let list = client.get(&list_path).await.expect(200);
        let car = list["cars"].as_array().unwrap().iter().find(|car| car["slug"] == json!(rental.car)).unwrap();
        let availability = client.get(&rental.availability_path()).await.expect(200);
        assert_eq!((&availability["carId"], &availability["bookable"]), (&car["id"], &json!(true)));
        let price = availability["quote"]["finalPrice"].clone();

        // 2. A hold at that price.
        let mut body = rental.body();
        body["customer"] = json!({"fullName": "Ada Lovelace", "email": "ada@example.com", "phone": "+44 20 5550 0100"});
        body["totalPrice"] = price.clone();
        let hold = client.post("/api/bookings", &body).await.expect(201);
        assert_eq!((&hold["status"], &hold["price"]["finalPrice"]), (&json!("pending_payment"), &price));
        let (id, token) = (checkout::text(&hold["bookingId"]), checkout::text(&hold["bookingToken"]));
        assert_eq!(client.get(&rental.availability_path()).await.expect(200)["bookable"], false);

        // 3. An order, which the payer approves.
        let mut body = rental.body();
        body["bookingId"] = json!(id);
        let order = client.post("/api/bookings/create-paypal-order", &body).await.expect(201);
        assert_eq!((&order["bookingId"], &order["amount"]), (&json!(id), &price));
        paypal::approve(&checkout::text(&order["approveUrl"])).await;

        // 4. The payment is authorized and the booking is confirmed.
        let body = json!({"orderID": order["orderID"]});
        let authorized = client.post("/api/bookings/authorize-paypal-order", &body).await.expect(200);
        assert_eq!((&authorized["bookingId"], &authorized["status"]), (&json!(id), &json!("upcoming")));
        let capture_at: Timestamp = checkout::text(&authorized["captureScheduledAt"]).parse().unwrap();
        assert!(capture_at > now().await);
        let pickup: Timestamp = format!("{}T12:00:00Z", rental.start).parse().unwrap();
        let ahead = pickup.duration_since(capture_at);
        assert!((SignedDuration::from_hours(12)..=SignedDuration::from_hours(40)).contains(&ahead), "{ahead}");

        // 5. The payment is captured once, when it is due and not before.
        let booking = id.parse().unwrap();
        assert_eq!(results_for(&run_cron(&client).await, booking), Vec::<Value>::new());
        advance_clock_past(capture_at).await;
        let run = run_cron(&client).await;
        let [result] = &results_for(&run, booking)[..] else { panic!("{run}") };
        assert_eq!(result["success"], true, "{run}");

        // 6. The customer can read the booking and its payment.
        let path = format!("/api/bookings/{id}?token={token}");
        let stored = client.get(&path).await.expect(200)["booking"].clone();
        assert_eq!(stored["status"], "upcoming");
        assert_eq!(stored["customer"]["email"], "ada@example.com");
        let payment = &stored["payment"];
        assert_eq!((&payment["status"], &payment["amount"]), (&json!("captured"), &price));
        assert_eq!(payment["captureId"], result["capture_id"]);
        assert!(payment["authorizationId"].is_string(), "{payment}");

        let exchanges = exchanges_about(&database, booking).await;
        for operation in ["orders.create", "orders.authorize", "authorizations.capture"] {
            assert_eq!(exchanges.effects(operation), 1, "{operation}");
        }
        let audit = "SELECT count(*) FROM audit_log WHERE subject_id = $1";
        let subject = checkout::text(&database.payments(booking).await[0]["id"]);
        assert!(database.number(audit, &[&subject]).await >= 3, "created, authorized, captured");
    })
    .await;
}
