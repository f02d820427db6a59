//! CORS: a browser may read responses from the origins in `ALLOWED_ORIGINS` only.

use crate::support::{
    client::{Client, Response},
    environment::variable,
    isolation::share_system,
    routes::all_routes,
};
use reqwest::Method;

/// The first allowed origin.
fn origin() -> String {
    variable("ALLOWED_ORIGINS")
        .split(',')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn allowed_origin_may_read_response() {
    let _guard = share_system().await;
    let client = Client::new();
    for path in ["/api/cars", "/api/cars/nobody", "/api/nothing"] {
        let response =
            Response::to(client.request(Method::GET, path).header("origin", origin())).await;
        assert_eq!(
            response.header("access-control-allow-origin"),
            origin(),
            "{path}"
        );
        let exposed = response
            .header("access-control-expose-headers")
            .to_lowercase();
        for name in ["x-request-id", "x-cache", "retry-after", "ratelimit"] {
            assert!(exposed.contains(name), "{name}: {exposed}");
        }
        assert!(
            response.header("vary").to_lowercase().contains("origin"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn other_origins_may_not_read_response() {
    let _guard = share_system().await;
    let client = Client::new();
    let others = [
        "https://evil.example".to_owned(),
        origin() + ".evil.example",
        "null".to_owned(),
        origin().to_uppercase(),
    ];
    for origin in others {
        for method in [Method::GET, Method::OPTIONS] {
            let response = Response::to(
                client
                    .request(method, "/api/cars")
                    .header("origin", &origin),
            )
            .await;
            assert_eq!(
                response.header("access-control-allow-origin"),
                "",
                "{origin}"
            );
            assert!(
                response.header("vary").to_lowercase().contains("origin"),
                "{origin}"
            );
        }
    }
    let response = client.get("/api/cars").await;
    assert_eq!(response.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn every_route_allows_preflight() {
    let _guard = share_system().await;
    let client = Client::new();
    for (path, allowed) in all_routes() {
        let request = client
            .request(Method::OPTIONS, &path)
            .header("origin", origin());
        let response = Response::to(request.header("access-control-request-method", "POST")).await;
        assert_eq!(
            (response.status, response.text.as_str()),
            (204, ""),
            "{path}"
        );
        assert_eq!(response.header("allow"), allowed, "{path}");
        assert_eq!(
            response.header("access-control-allow-origin"),
            origin(),
            "{path}"
        );
        assert_eq!(
            response.header("access-control-allow-methods"),
            allowed,
            "{path}"
        );
        let headers = response
            .header("access-control-allow-headers")
            .to_lowercase();
        for name in ["authorization", "content-type", "idempotency-key"] {
            assert!(headers.contains(name), "{path}: {headers}");
        }
        assert_eq!(
            response.header("x-ratelimit-limit"),
            "",
            "a preflight does not count against a limit"
        );
    }
    Response::to(client.request(Method::OPTIONS, "/api/nothing"))
        .await
        .expect_problem(404, "not_found");
}
