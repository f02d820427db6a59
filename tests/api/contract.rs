//! Rules for every route: headers, paths, methods.

use crate::support::{
    client::{Client, Response},
    environment::new_number,
    isolation::share_system,
    local_system::eventually,
    routes::all_routes,
};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn every_response_has_id_and_time() {
    let _guard = share_system().await;
    let client = Client::new();
    let mut ids = Vec::new();
    let others = ["/api/nothing", "/api/cars/nobody", "/api/cars?page=0"];
    let paths = all_routes().into_iter().map(|(path, _)| path);
    for path in paths.chain(others.map(ToOwned::to_owned)) {
        let response = client.with_new_address().get(&path).await;
        let id = response.header("x-request-id");
        assert!(
            id.parse::<Uuid>().is_ok() && !ids.contains(&id.to_owned()),
            "{path}: {id}"
        );
        ids.push(id.to_owned());
        let time = response.header("x-response-time");
        let millis = time
            .strip_suffix("ms")
            .unwrap_or_else(|| panic!("{path}: {time}"));
        let (whole, tenths) = millis.split_once('.').unwrap();
        assert!(
            whole.parse::<u32>().is_ok() && tenths.len() == 1 && tenths.parse::<u8>().is_ok(),
            "{path}: {time}"
        );
        assert_eq!(
            response.header("server-timing"),
            format!("total;dur={millis}"),
            "{path}"
        );
        assert_eq!(
            response.header("x-content-type-options"),
            "nosniff",
            "{path}"
        );
        // A client may store a response of a cached route, but must revalidate it.
        let is_cached = response.status == 200 && response.headers.contains_key("x-cache");
        let cache_control = if is_cached { "no-cache" } else { "no-store" };
        assert_eq!(response.header("cache-control"), cache_control, "{path}");
    }
}

#[tokio::test]
async fn client_request_id_is_ignored() {
    let _guard = share_system().await;
    let request = Client::new()
        .request(Method::GET, "/api/cars")
        .header("x-request-id", "mine");
    assert_ne!(Response::to(request).await.header("x-request-id"), "mine");
}

#[tokio::test]
async fn cached_routes_report_hit_or_miss() {
    let _guard = share_system().await;
    let client = Client::new();
    // A price in no earlier request.
    let path = format!(
        "/api/cars?maxPrice={}.{:02}",
        1_000_000 + new_number(8_000_000),
        new_number(100)
    );
    let first = client.get(&path).await;
    assert_eq!(first.header("x-cache"), "MISS");
    let second = eventually("the response is cached", 5, || async {
        let response = client.with_new_address().get(&path).await;
        (response.header("x-cache") == "HIT").then_some(response)
    })
    .await;
    assert_eq!(second.text, first.text);
    for path in ["/api/health", "/api/demo/redis", "/api/bookings/x"] {
        assert_eq!(client.get(path).await.header("x-cache"), "", "{path}");
    }
    client
        .get("/api/cars/nobody-has-this-name")
        .await
        .expect_problem(404, "car_not_found");
}

/// Unknown parameters change nothing, and different filters never share an entry.
#[tokio::test]
async fn odd_query_does_not_affect_other_visitors() {
    let _guard = share_system().await;
    let client = Client::new();
    let plain = client.get("/api/cars").await.expect(200);
    for query in [
        "utm_source=x",
        "page=1",
        "limit=12&sortBy=featured",
        "search2=%0d%0aFLUSHALL",
    ] {
        assert_eq!(
            client.get(&format!("/api/cars?{query}")).await.expect(200),
            plain,
            "{query}"
        );
    }
    let first = client
        .get("/api/cars?search=a&category=suv")
        .await
        .expect(200);
    let swapped = client
        .get("/api/cars?search=suv&category=a")
        .await
        .expect(200);
    assert_ne!(first, swapped);
}

#[tokio::test]
async fn unknown_paths_are_not_found() {
    let _guard = share_system().await;
    let client = Client::new();
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/cars/1/2",
        "/api/bookings/1/2",
        "/API/cars",
        "/api/admin",
        "/api/..%2fcars",
    ] {
        client.get(path).await.expect_problem(404, "not_found");
        client
            .post(path, &json!({}))
            .await
            .expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn trailing_slash_is_ignored() {
    let _guard = share_system().await;
    Client::new().get("/api/cars/").await.expect(200);
}

#[tokio::test]
async fn wrong_method_gets_allowed_methods() {
    let _guard = share_system().await;
    let client = Client::new();
    for (path, allowed) in all_routes() {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            if allowed.split(", ").any(|name| name == method.as_str()) {
                continue;
            }
            let response = Response::to(client.request(method, &path).json(&json!({}))).await;
            response.expect_problem(405, "method_not_allowed");
            assert_eq!(response.header("allow"), allowed, "{path}");
        }
    }
}

#[tokio::test]
async fn head_returns_get_without_body() {
    let _guard = share_system().await;
    let client = Client::new();
    for (path, allowed) in all_routes()
        .into_iter()
        .filter(|(_, allowed)| allowed.contains("GET"))
    {
        let get = client.with_new_address().get(&path).await;
        let head = Response::to(client.with_new_address().request(Method::HEAD, &path)).await;
        assert_eq!(
            (head.status, head.text.as_str()),
            (get.status, ""),
            "{path} {allowed}"
        );
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        assert!(!head.header("x-request-id").is_empty(), "{path}");
    }
    let head = Response::to(client.request(Method::HEAD, "/api/bookings")).await;
    assert_eq!((head.status, head.header("allow")), (405, "POST"));
}
