//! `GET /api/admin/bookings` and `/api/admin/audit`, and access to the operators' money routes.

use crate::support::{
    checkout::{self, Hold, PaidBooking, read_booking},
    client::{Client, Response},
    environment::{new_uuid, variable},
    isolation::share_system,
    local_system::{Role, sign_in},
    operator::{self, capture_now},
    rental::Rental,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

const BOOKINGS: &str = "/api/admin/bookings";
const AUDIT: &str = "/api/admin/audit";

/// Creates a hold for a customer with this name.
async fn create_hold_for(client: &Client, rental: &Rental, name: &str) -> Hold {
    let mut body = rental.body();
    body["customer"] = json!({"fullName": name, "email": format!("{}@example.com", new_uuid())});
    let response = client.with_new_address().post("/api/bookings", &body).await;
    checkout::hold_from(rental, &response.expect(201))
}

async fn create_paid_booking_for(client: &Client, rental: &Rental, name: &str) -> PaidBooking {
    checkout::pay_for_hold(client, create_hold_for(client, rental, name).await, None).await
}

/// The ids of the bookings that match a query, in order.
async fn booking_ids(client: &Client, query: &str) -> Vec<Value> {
    let response = operator::read(client, &format!("{BOOKINGS}?{query}")).await;
    let bookings = response["bookings"].as_array().unwrap();
    let ids = bookings.iter().map(|booking| booking["bookingId"].clone());
    ids.collect()
}

#[tokio::test]
async fn booking_filters_find_matching_bookings() {
    let _guard = share_system().await;
    let client = Client::new();
    // Only this test has this name, so each search is limited to these three bookings.
    let name = format!("Grace {}", new_uuid());
    let rental = Rental::far_ahead(&client, 2).await;
    let paid = create_paid_booking_for(&client, &rental, &name).await;
    let captured =
        create_paid_booking_for(&client, &Rental::far_ahead(&client, 2).await, &name).await;
    capture_now(&client, &captured).await;
    let hold = create_hold_for(&client, &Rental::far_ahead(&client, 2).await, &name).await;
    let name_query = format!("search={}", name.replace(' ', "%20"));
    let ids = [hold.id, captured.hold.id, paid.hold.id].map(|id| json!(id));
    assert_eq!(booking_ids(&client, &name_query).await, ids, "newest first");

    let shown = read_booking(&client, &paid.hold).await;
    let car = checkout::text(&shown["carId"]);
    let (start, end) = (rental.start, rental.end);
    let (before, after) = (rental.part(-1, 1).start, rental.part(1, 1).start);
    let (email, reference) = (
        checkout::text(&shown["customer"]["email"]),
        checkout::text(&shown["reference"]),
    );
    for query in [
        format!("{name_query}&status=upcoming&paymentStatus=authorized"),
        format!("{name_query}&paymentStatus=authorized&from={start}&to={end}"),
        format!("{name_query}&paymentStatus=authorized&from={after}"),
        format!("{name_query}&paymentStatus=authorized&carId={car}"),
        format!("{name_query}&paymentStatus=authorized&carId={}", rental.car),
        format!("search={}", email.to_uppercase()),
        format!("search={reference}"),
    ] {
        assert_eq!(
            booking_ids(&client, &query).await,
            [json!(paid.hold.id)],
            "{query}"
        );
    }
    for query in [
        format!("{name_query}&paymentStatus=authorized&from={end}"),
        format!("{name_query}&paymentStatus=authorized&to={start}&from={before}"),
        format!("{name_query}&status=cancelled"),
        format!("{name_query}&paymentStatus=voided"),
        format!("{name_query}&carId={}", new_uuid()),
        format!("search={}", name.replace(' ', "%25")),
        format!("search={}", name.replace(' ', "_")),
    ] {
        assert_eq!(
            booking_ids(&client, &query).await,
            Vec::<Value>::new(),
            "{query}"
        );
    }
    assert_eq!(
        booking_ids(&client, &format!("{name_query}&paymentStatus=captured")).await,
        [json!(captured.hold.id)]
    );
}

#[tokio::test]
async fn listed_booking_matches_holders_view() {
    let _guard = share_system().await;
    let client = Client::new();
    let name = format!("Alan {}", new_uuid());
    let paid = create_paid_booking_for(&client, &Rental::far_ahead(&client, 2).await, &name).await;
    let search = format!("{BOOKINGS}?search={}", name.replace(' ', "+"));
    let listed = operator::read(&client, &search).await["bookings"][0].clone();
    assert_eq!(listed, read_booking(&client, &paid.hold).await);
    assert_eq!(listed["customer"]["fullName"], json!(name));
    assert_eq!(listed["payment"]["orderId"], json!(paid.order.id));
    let plan = &listed["paymentPlan"];
    assert_eq!(plan["captureAt"], listed["payment"]["captureScheduledAt"]);
    assert_eq!(
        plan["lapsesAt"],
        listed["payment"]["authorizationExpiresAt"]
    );
    assert_eq!(plan["reauthorizeAt"], plan["captureAt"]);
    assert_eq!(plan["beforeItLapses"], true, "the rental is a month ahead");
}

#[tokio::test]
async fn lists_are_paginated() {
    let _guard = share_system().await;
    let client = Client::new();
    let name = format!("Edsger {}", new_uuid());
    let mut ids = Vec::new();
    for _ in 0..3 {
        let rental = Rental::far_ahead(&client, 2).await;
        ids.insert(0, json!(create_hold_for(&client, &rental, &name).await.id));
    }
    let name_query = format!("search={}", name.replace(' ', "%20"));
    let found = booking_ids(&client, &name_query).await;
    assert_eq!(found, ids);
    for (page, expected) in [(1, &ids[..2]), (2, &ids[2..]), (3, &[][..])] {
        let path = format!("{BOOKINGS}?{name_query}&limit=2&page={page}");
        let response = operator::read(&client, &path).await;
        let pagination = json!({"page": page, "limit": 2, "total": 3, "totalPages": 2,
            "hasNext": page < 2, "hasPrev": page > 1, "totalIsMinimum": false});
        assert_eq!(response["pagination"], pagination);
        let bookings = response["bookings"].as_array().unwrap().iter();
        let shown: Vec<Value> = bookings
            .map(|booking| booking["bookingId"].clone())
            .collect();
        assert_eq!(shown, expected);
    }
    for (path, limit) in [(BOOKINGS, 25), (AUDIT, 50)] {
        let defaults = operator::read(&client, path).await["pagination"].clone();
        assert_eq!(
            (&defaults["page"], &defaults["limit"]),
            (&json!(1), &json!(limit)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn query_errors_are_all_named() {
    let _guard = share_system().await;
    let client = Client::new();
    let token = variable("ADMIN_TOKEN");
    let query =
        "page=0&limit=101&status=paid&paymentStatus=done&carId=a%20b&from=2027-02-29&to=x&search=";
    client
        .get_as(&token, &format!("{BOOKINGS}?{query}"))
        .await
        .expect_invalid_fields(&[
            ("/page", "out_of_range"),
            ("/limit", "out_of_range"),
            ("/status", "unknown_value"),
            ("/paymentStatus", "unknown_value"),
            ("/carId", "invalid_car"),
            ("/from", "invalid_date"),
            ("/to", "invalid_date"),
            ("/search", "empty"),
        ]);
    client
        .get_as(
            &token,
            &format!("{AUDIT}?page=10001&limit=201&subject=&action=%00"),
        )
        .await
        .expect_invalid_fields(&[
            ("/page", "out_of_range"),
            ("/limit", "out_of_range"),
            ("/subject", "empty"),
            ("/action", "invalid_characters"),
        ]);
}

#[tokio::test]
async fn audit_log_shows_booking_history() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    capture_now(&client, &paid).await;
    operator::post_action(&client, paid.hold.id, "refund", &json!({}))
        .await
        .expect(200);
    let history: Vec<(Value, Value)> = operator::audit_entries(&client, paid.hold.id)
        .await
        .into_iter()
        .map(|entry| (entry["action"].clone(), entry["actor"].clone()))
        .collect();
    let expected = [
        ("payment.authorized", "system"),
        ("operator.change", operator::OPERATOR),
        ("capture.ordered", operator::OPERATOR),
        ("payment.capturing", "system"),
        ("capture.completed", "system"),
        ("payment.captured", "system"),
        ("operator.outcome", operator::OPERATOR),
        ("operator.change", operator::OPERATOR),
        ("refund.ordered", operator::OPERATOR),
        ("refund.refunded", operator::OPERATOR),
        ("payment.refunded", "system"),
        ("operator.outcome", operator::OPERATOR),
    ];
    assert_eq!(
        history,
        expected.map(|(action, actor)| (json!(action), json!(actor)))
    );

    let path = format!(
        "{AUDIT}?subject={}&actor={}&limit=1",
        paid.hold.id,
        operator::OPERATOR
    );
    let response = operator::read(&client, &path).await;
    assert_eq!(response["pagination"]["total"], 7);
    assert_eq!(
        response["entries"][0]["action"], "operator.outcome",
        "newest first"
    );
    let path = format!("{path}&action=refund.refunded");
    let response = operator::read(&client, &path).await;
    let entries = response["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["subjectType"], "payment");
    let payment = checkout::text(&read_booking(&client, &paid.hold).await["payment"]["paymentId"]);
    assert_eq!(entries[0]["subjectId"], json!(payment));
    let path = format!("{AUDIT}?subject={payment}&action=capture.ordered");
    assert_eq!(
        operator::read(&client, &path).await["pagination"]["total"],
        1
    );
}

/// The operators' routes for money and lists, with their methods.
fn operator_routes(booking: &Hold) -> Vec<(Method, String)> {
    let actions = ["capture", "void", "refund", "reauthorize"];
    let mut routes: Vec<(Method, String)> = actions
        .iter()
        .map(|action| (Method::POST, operator::action_path(booking.id, action)))
        .collect();
    let replay = "/api/admin/webhooks/WH-1/replay".to_owned();
    routes.push((Method::POST, replay));
    let acknowledge = "/api/admin/payments/findings/acknowledge".to_owned();
    routes.push((Method::POST, acknowledge));
    for path in [BOOKINGS, AUDIT, "/api/admin/payments/drift"] {
        routes.push((Method::GET, path.to_owned()));
    }
    routes
}

#[tokio::test]
async fn money_and_lists_are_for_operators_only() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    let before = read_booking(&client, &paid.hold).await;
    let admin = variable("ADMIN_TOKEN");
    let tokens = [
        variable("CRON_SECRET"),
        paid.hold.token.clone(),
        sign_in(Role::Customer).await,
        admin[..admin.len() - 1].to_owned(),
        format!("{admin}x"),
        String::new(),
    ];
    for (method, path) in operator_routes(&paid.hold) {
        for token in &tokens {
            let request = client.with_new_address().request(method.clone(), &path);
            let response = Response::to(request.bearer_auth(token)).await;
            response.expect_problem(401, "unauthenticated");
            assert_eq!(response.header("www-authenticate"), "Bearer", "{path}");
        }
        let request = client.with_new_address().request(method.clone(), &path);
        Response::to(request)
            .await
            .expect_problem(401, "unauthenticated");
        let basic = client.with_new_address().request(method, &path);
        Response::to(basic.basic_auth("admin", Some(&admin)))
            .await
            .expect_problem(401, "unauthenticated");
    }
    assert_eq!(read_booking(&client, &paid.hold).await, before);
}

#[tokio::test]
async fn audit_names_supabase_operator_by_id() {
    let _guard = share_system().await;
    let client = Client::new();
    let token = sign_in(Role::Admin).await;
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let actor = json!(format!("user:{}", checkout::text(&claims["sub"])));

    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    for (action, audited) in [("capture", "capture.ordered"), ("refund", "refund.ordered")] {
        let path = operator::action_path(paid.hold.id, action);
        let request = client.with_new_address().request(Method::POST, &path);
        Response::to(request.bearer_auth(&token)).await.expect(200);
        let entries = operator::audit_entries_for_action(&client, paid.hold.id, audited).await;
        assert_eq!((entries.len(), &entries[0]["actor"]), (1, &actor));
    }
    let path = format!("/api/bookings/{}/cancel", paid.hold.id);
    let request = client.with_new_address().request(Method::POST, &path);
    Response::to(request.bearer_auth(&token)).await.expect(200);
    let entries =
        operator::audit_entries_for_action(&client, paid.hold.id, "booking.cancelled").await;
    assert_eq!(entries[0]["actor"], actor);
}
