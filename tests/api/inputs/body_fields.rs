//! Invalid fields of JSON bodies and headers.

use super::{
    assert_no_writes, invalid_texts, other_types,
    refused_values::{INJECTION, car_values, date_values, email_values, line_values, price_values},
    set_member, try_field, try_required,
};
use crate::support::{
    checkout,
    client::{Client, Response},
    environment::{new_uuid, variable},
    isolation::run_alone,
    rental::Rental,
};
use jiff::ToSpan;
use reqwest::Method;
use serde_json::{Value, json};

const BOOKINGS: &str = "/api/bookings";
const ORDERS: &str = "/api/bookings/create-paypal-order";
const AUTHORIZATIONS: &str = "/api/bookings/authorize-paypal-order";
const WARM: &str = "/api/admin/cache-warm";

/// Tries the three fields of a rental.
async fn try_rental(client: &Client, path: &str, body: &Value, rental: &Rental) {
    for field in ["/carId", "/startDate", "/endDate"] {
        try_required(client, path, body, field).await;
    }
    try_field(client, path, body, "/carId", car_values()).await;
    try_field(client, path, body, "/startDate", date_values()).await;
    try_field(client, path, body, "/endDate", date_values()).await;
    let day = |ahead: i64| json!(rental.start.checked_add(ahead.days()).unwrap());
    let ends = vec![
        (day(0), "not_after_start"),
        (day(-1), "not_after_start"),
        (day(367), "range_too_long"),
        (json!("2199-12-31"), "range_too_long"),
    ];
    try_field(client, path, body, "/endDate", ends).await;
}

#[tokio::test]
async fn booking_refuses_invalid_fields_without_writes() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let mut body = rental.body();
        body["customer"] =
            json!({"fullName": "A", "email": "a@example.com", "phone": "+1 555 0100"});
        assert_no_writes(async {
            try_rental(&client, BOOKINGS, &body, &rental).await;
            try_field(&client, BOOKINGS, &body, "/totalPrice", price_values()).await;
            let other_values = [json!("x"), json!(1), json!(true), json!([]), json!([{}])];
            let other_values = other_values.map(|value| (value, "wrong_type")).to_vec();
            try_field(&client, BOOKINGS, &body, "/customer", other_values).await;
            try_required(&client, BOOKINGS, &body, "/customer/fullName").await;
            try_required(&client, BOOKINGS, &body, "/customer/email").await;
            try_field(
                &client,
                BOOKINGS,
                &body,
                "/customer/fullName",
                line_values(100),
            )
            .await;
            try_field(
                &client,
                BOOKINGS,
                &body,
                "/customer/email",
                line_values(254),
            )
            .await;
            try_field(&client, BOOKINGS, &body, "/customer/email", email_values()).await;
            try_field(&client, BOOKINGS, &body, "/customer/phone", line_values(32)).await;
            let phones = invalid_texts(
                "invalid_phone",
                &[
                    "1234",
                    "call me",
                    "+1 555 0100 x5",
                    "٠١٢٣٤٥",
                    "5'; DROP TABLE x; --",
                ],
            );
            try_field(&client, BOOKINGS, &body, "/customer/phone", phones).await;
        })
        .await;
        assert_eq!(rental.quote(&client).await["rentalDays"], 2);
    })
    .await;
}

#[tokio::test]
async fn booking_names_all_invalid_fields() {
    run_alone(async {
        let client = Client::new();
        assert_no_writes(async {
            let customer = json!({"email": "x", "phone": 5});
            let body = json!({
                "carId": 1, "endDate": "soon", "totalPrice": "x", "customer": customer,
            });
            let request = client
                .request(Method::POST, BOOKINGS)
                .header("idempotency-key", "a b");
            Response::to(request.json(&body))
                .await
                .expect_invalid_fields(&[
                    ("/carId", "wrong_type"),
                    ("/startDate", "required"),
                    ("/endDate", "invalid_date"),
                    ("/totalPrice", "invalid_amount"),
                    ("/customer/fullName", "required"),
                    ("/customer/email", "invalid_email"),
                    ("/customer/phone", "wrong_type"),
                    ("/Idempotency-Key", "invalid_characters"),
                ]);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn idempotency_key_must_be_visible_ascii() {
    run_alone(async {
        let client = Client::new();
        let body = Rental::far_ahead(&client, 2).await.body();
        assert_no_writes(async {
            for (key, code) in [
                (Vec::new(), "empty"),
                (b"a b".to_vec(), "invalid_characters"),
                (b"a\tb".to_vec(), "invalid_characters"),
                (vec![b'k'; 256], "too_long"),
                ("schlüssel".as_bytes().to_vec(), "invalid_header"),
                (vec![0xff], "invalid_header"),
            ] {
                let request = client
                    .with_new_address()
                    .request(Method::POST, BOOKINGS)
                    .header("idempotency-key", &key[..]);
                Response::to(request.json(&body))
                    .await
                    .expect_invalid_fields(&[("/Idempotency-Key", code)]);
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn odd_valid_input_is_stored_unchanged() {
    run_alone(async {
        let client = Client::new();
        for name in [
            "Robert'); DROP TABLE customers;--",
            "<b>Zoë</b> & “Söhne”",
            "李小龙 🚗",
            &"é".repeat(100),
            "${jndi:ldap://x}",
        ] {
            let rental = Rental::far_ahead(&client, 2).await;
            let email = format!("{}@example.com", new_uuid());
            let mut body = rental.body();
            body["customer"] = json!({"fullName": name, "email": email, "phone": null});
            body["totalPrice"] = Value::Null;
            let response = client.with_new_address().post(BOOKINGS, &body).await;
            let hold = checkout::hold_from(&rental, &response.expect(201));
            let booking = checkout::read_booking(&client, &hold).await;
            assert_eq!(booking["customer"]["fullName"], json!(name));
        }
    })
    .await;
}

#[tokio::test]
async fn order_refuses_invalid_fields_without_writes() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let mut body = rental.body();
        body["bookingId"] = json!("shop-1");
        assert_no_writes(async {
            try_rental(&client, ORDERS, &body, &rental).await;
            try_required(&client, ORDERS, &body, "/bookingId").await;
            let mut references = other_types();
            references.extend(invalid_texts("empty", &[""]));
            references.extend(invalid_texts(
                "too_long",
                &[&"x".repeat(65), &"ä".repeat(20_000)],
            ));
            references.extend(invalid_texts(
                "invalid_characters",
                &[" ", "a b", "a'b", "é", "a\0", "a/b", "🚗", INJECTION],
            ));
            try_field(&client, ORDERS, &body, "/bookingId", references).await;
            try_field(&client, ORDERS, &body, "/description", line_values(127)).await;
            try_field(&client, ORDERS, &body, "/totalPrice", price_values()).await;
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn authorization_refuses_invalid_order_id_without_writes() {
    run_alone(async {
        let client = Client::new();
        assert_no_writes(async {
            let body = json!({"orderID": "5O190127TN364715T"});
            try_required(&client, AUTHORIZATIONS, &body, "/orderID").await;
            let mut ids = other_types();
            ids.extend(invalid_texts("empty", &[""]));
            ids.extend(invalid_texts(
                "too_long",
                &[&"5".repeat(65), &"ä".repeat(20_000)],
            ));
            ids.extend(invalid_texts(
                "invalid_characters",
                &[
                    " ",
                    "a b",
                    "a/b",
                    "../x",
                    "a?b",
                    "é",
                    "a\0",
                    "a\r\nX: y",
                    INJECTION,
                ],
            ));
            try_field(&client, AUTHORIZATIONS, &body, "/orderID", ids).await;
            client
                .post(AUTHORIZATIONS, &json!({"orderId": "x", "ORDERID": "y"}))
                .await
                .expect_invalid_fields(&[("/orderID", "required")]);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn cache_warming_refuses_invalid_fields() {
    run_alone(async {
        let client = Client::new();
        let warm = async |body: &Value| {
            let request = client
                .with_new_address()
                .request(Method::POST, WARM)
                .bearer_auth(variable("ADMIN_TOKEN"));
            Response::to(request.json(body)).await
        };
        for field in ["/warmPopularCars", "/warmUpcomingAvailability"] {
            for value in [json!(1), json!("yes"), json!(""), json!([]), json!({})] {
                let mut body = json!({});
                set_member(&mut body, field, Some(value));
                warm(&body)
                    .await
                    .expect_invalid_fields(&[(field, "wrong_type")]);
            }
        }
        for (field, above) in [("/popularCarsLimit", 51), ("/availabilityDays", 31)] {
            for value in [
                json!(0),
                json!(above),
                json!(-1),
                json!(1.5),
                json!("x"),
                json!(""),
                json!(true),
                json!([]),
                json!(1e18),
            ] {
                let mut body = json!({});
                set_member(&mut body, field, Some(value));
                warm(&body)
                    .await
                    .expect_invalid_fields(&[(field, "out_of_range")]);
            }
        }
    })
    .await;
}
