//! `GET, DELETE /api/admin/rate-limit-monitoring`.

use crate::support::{
    client::{Client, Response, random_address},
    environment::{new_uuid, variable},
    faults::{Fault, Upstream, set_fault},
    isolation::{run_alone, share_system},
    local_system::{advance_clock, advance_to_next_minute, eventually},
    redis,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/admin/rate-limit-monitoring";

/// The violations of `identifier` in the last ten minutes, once there are `total`.
async fn violations_of(identifier: &str, total: u64) -> Value {
    let path = format!("{PATH}?minutes=10&identifier={identifier}");
    eventually("the violations are listed", 10, || async {
        let list = Client::new().get_as(&variable("ADMIN_TOKEN"), &path).await;
        let list = list.expect(200);
        (list["total"] == total).then_some(list)
    })
    .await
}

/// Exhausts the booking limit within one window, and returns the first rejected response.
///
/// Only for a test that runs alone.
async fn exceed_limit(client: &Client) -> Response {
    advance_to_next_minute().await;
    for _ in 0..10 {
        let response = client.post("/api/bookings", &json!({})).await;
        response.expect_problem(422, "invalid_fields");
    }
    let response = client.post("/api/bookings", &json!({})).await;
    response.expect_problem(429, "rate_limited");
    response
}

#[tokio::test]
async fn violation_omits_request_content() {
    run_alone(async {
    let address = random_address();
    let client = Client::new().with_address(&address);
    exceed_limit(&client).await;
    let secret = format!("secret-{}", new_uuid());
    let request = client
        .request(Method::POST, &format!("/api/bookings?token={secret}"))
        .bearer_auth(&secret)
        .header("cookie", format!("session={secret}"))
        .header("x-booking-token", &secret)
        .header("idempotency-key", &secret)
        .header("user-agent", &secret)
        .json(&json!({"carId": secret, "customer": {"fullName": secret}}));
    let response = Response::to(request).await;
    response.expect_problem(429, "rate_limited");

    let list = violations_of(&address, 2).await;
    let newest = &list["violations"][0];
    assert!(newest["at"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert_eq!(
        *newest,
        json!({
            "at": newest["at"], "tier": "booking", "route": "/api/bookings", "identifier": address,
            "requestId": response.header("x-request-id"),
        })
    );
    assert_eq!(
        (&list["byTier"], &list["byRoute"], &list["byIdentifier"]),
        (
            &json!({"booking": 2}),
            &json!({"/api/bookings": 2}),
            &json!({address.as_str(): 2})
        )
    );
    let stored = redis::command(&["ZRANGE", "violations", "0", "-1"]).await;
    assert!(stored.to_string().contains(response.header("x-request-id")));
    assert!(!stored.to_string().contains(&secret), "{stored}");
    // Keys are built from validated values, so no key contains the secret either.
    assert!(redis::keys(&format!("*{secret}*")).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn only_operators_see_violations() {
    let _guard = share_system().await;
    let client = Client::new();
    for method in [Method::GET, Method::DELETE] {
        for token in [
            None,
            Some(variable("CRON_SECRET")),
            Some(variable("ADMIN_TOKEN") + "x"),
        ] {
            let mut request = client.request(method.clone(), PATH);
            if let Some(token) = &token {
                request = request.bearer_auth(token);
            }
            Response::to(request)
                .await
                .expect_problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn window_is_minute_to_day() {
    let _guard = share_system().await;
    let (client, token) = (Client::new(), variable("ADMIN_TOKEN"));
    for minutes in ["0", "1441", "-1", "ten", ""] {
        let response = client
            .get_as(&token, &format!("{PATH}?minutes={minutes}"))
            .await;
        let body = response.expect_problem(422, "invalid_fields");
        assert_eq!(body["errors"][0]["pointer"], "/minutes", "{response}");
    }
    for minutes in ["1", "1440"] {
        let path = format!("{PATH}?minutes={minutes}");
        let list = client.get_as(&token, &path).await.expect(200);
        assert_eq!(list["minutes"].to_string(), minutes);
    }
}

#[tokio::test]
async fn old_and_deleted_violations_are_not_listed() {
    run_alone(async {
        let (address, token) = (random_address(), variable("ADMIN_TOKEN"));
        exceed_limit(&Client::new().with_address(&address)).await;
        violations_of(&address, 1).await;
        advance_clock(SignedDuration::from_mins(11)).await;
        violations_of(&address, 0).await;
        let client = Client::new();
        let hour = format!("{PATH}?identifier={address}");
        let list = client.get_as(&token, &hour).await.expect(200);
        assert_eq!((&list["minutes"], &list["total"]), (&json!(60), &json!(1)));

        let request = client.request(Method::DELETE, PATH).bearer_auth(&token);
        assert_eq!(
            Response::to(request).await.expect(200),
            json!({"success": true, "cleared": true})
        );
        let list = client.get_as(&token, PATH).await.expect(200);
        assert_eq!(
            (&list["total"], &list["violations"]),
            (&json!(0), &json!([]))
        );
    })
    .await;
}

#[tokio::test]
async fn failed_delete_is_reported() {
    run_alone(async {
        let client = Client::new();
        set_fault(Upstream::Redis, Fault::refuse()).await;
        let request = client.request(Method::DELETE, PATH);
        let request = request.bearer_auth(variable("ADMIN_TOKEN"));
        assert_eq!(
            Response::to(request).await.expect(200),
            json!({"success": false, "cleared": false})
        );
    })
    .await;
}
