//! `GET /api/cars/{car}`.

use crate::support::{checkout, client::Client, isolation::share_system};
use serde_json::json;

#[tokio::test]
async fn car_found_by_slug_and_id() {
    let _guard = share_system().await;
    let client = Client::new();
    let by_slug = client.get("/api/cars/test-car-id").await.expect(200);
    let car = &by_slug["car"];
    assert_eq!(by_slug["success"], true);
    assert_eq!(car["slug"], "test-car-id");
    assert_eq!(
        car["fees"],
        json!([{"code": "cleaning", "label": "Cleaning", "mandatory": true, "amount": {"amount": "40.00", "currency": "USD"}}])
    );
    assert_eq!(car["timeZone"], "UTC");
    assert_eq!(car["turnaroundDays"], 1);
    assert_eq!(car["images"][0]["primary"], true);
    assert!(
        car["specifications"].is_object() && car["description"].is_string(),
        "{car}"
    );

    let id = checkout::text(&car["id"]);
    for path in [id.clone(), id.to_uppercase(), id.replace('-', "")] {
        assert_eq!(
            client.get(&format!("/api/cars/{path}")).await.expect(200),
            by_slug,
            "{path}"
        );
    }
}

#[tokio::test]
async fn numeric_slug_finds_car() {
    let _guard = share_system().await;
    let car = Client::new().get("/api/cars/123").await.expect(200);
    assert_eq!(car["car"]["slug"], "123");
}

#[tokio::test]
async fn hidden_and_withdrawn_cars_not_found() {
    let _guard = share_system().await;
    let client = Client::new();
    for name in [
        "koenigsegg-regera",
        "5eed0000-0000-4000-8000-000000000025",
        "ferrari-f40",
        "5eed0000-0000-4000-8000-000000000026",
    ] {
        client
            .get(&format!("/api/cars/{name}"))
            .await
            .expect_problem(404, "car_not_found");
    }
}

#[tokio::test]
async fn impossible_names_find_no_car() {
    let _guard = share_system().await;
    let client = Client::new();
    let long = "a".repeat(2000);
    for name in [
        "nobody",
        "A",
        "a%20b",
        "%00",
        "%C3%A4",
        "a'--",
        "..%2F..%2Fetc",
        "%25",
        "%FF%FE",
        "null",
        long.as_str(),
    ] {
        client
            .get(&format!("/api/cars/{name}"))
            .await
            .expect_problem(404, "car_not_found");
    }
}
