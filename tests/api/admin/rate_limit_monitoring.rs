//! `GET, DELETE /api/admin/rate-limit-monitoring`.

use crate::support::{
    client::{Client, Response, random_address},
    environment::{new_uuid, variable},
    isolation::{run_alone, share_system},
    local_system::{advance_clock, eventually, set_fault},
    redis,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/admin/rate-limit-monitoring";

/// What operators are told of `identifier` once there are so many.
async fn told_of(identifier: &str, total: u64) -> Value {
    let path = format!("{PATH}?minutes=10&identifier={identifier}");
    eventually("what was refused is told", 10, || async {
        let told = Client::new().get_as(&variable("ADMIN_TOKEN"), &path).await;
        let told = told.expect(200);
        (told["total"] == total).then_some(told)
    })
    .await
}

/// Asks for bookings until the answer is a refusal, which it is.
async fn refused(client: &Client) -> Response {
    for _ in 0..10 {
        let response = client.post("/api/bookings", &json!({})).await;
        response.expect_problem(422, "invalid_fields");
    }
    let response = client.post("/api/bookings", &json!({})).await;
    response.expect_problem(429, "rate_limited");
    response
}

#[tokio::test]
async fn a_refusal_is_kept_without_what_the_request_carried() {
    let _turn = share_system().await;
    let address = random_address();
    let client = Client::new().with_address(&address);
    refused(&client).await;
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

    let told = told_of(&address, 2).await;
    let newest = &told["violations"][0];
    assert!(newest["at"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert_eq!(
        *newest,
        json!({
            "at": newest["at"], "tier": "booking", "route": "/api/bookings", "identifier": address,
            "requestId": response.header("x-request-id"),
        })
    );
    assert_eq!(
        (&told["byTier"], &told["byRoute"], &told["byIdentifier"]),
        (
            &json!({"booking": 2}),
            &json!({"/api/bookings": 2}),
            &json!({address.as_str(): 2})
        )
    );
    let kept = redis::command(&["ZRANGE", "violations", "0", "-1"]).await;
    assert!(kept.to_string().contains(response.header("x-request-id")));
    assert!(!kept.to_string().contains(&secret), "{kept}");
    // Neither is it in the name of anything: keys are made of what was understood.
    assert!(redis::keys(&format!("*{secret}*")).await.is_empty());
}

#[tokio::test]
async fn only_operators_see_who_was_refused() {
    let _turn = share_system().await;
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
async fn a_window_is_a_minute_to_a_day() {
    let _turn = share_system().await;
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
        let told = client.get_as(&token, &path).await.expect(200);
        assert_eq!(told["minutes"].to_string(), minutes);
    }
}

#[tokio::test]
async fn what_is_older_than_the_window_is_not_told_and_what_is_forgotten_is_gone() {
    run_alone(async {
        let (address, token) = (random_address(), variable("ADMIN_TOKEN"));
        refused(&Client::new().with_address(&address)).await;
        told_of(&address, 1).await;
        advance_clock(SignedDuration::from_mins(11)).await;
        told_of(&address, 0).await;
        let client = Client::new();
        let hour = format!("{PATH}?identifier={address}");
        let told = client.get_as(&token, &hour).await.expect(200);
        assert_eq!((&told["minutes"], &told["total"]), (&json!(60), &json!(1)));

        let request = client.request(Method::DELETE, PATH).bearer_auth(&token);
        assert_eq!(
            Response::to(request).await.expect(200),
            json!({"success": true, "cleared": true})
        );
        let told = client.get_as(&token, PATH).await.expect(200);
        assert_eq!(
            (&told["total"], &told["violations"]),
            (&json!(0), &json!([]))
        );
    })
    .await;
}

#[tokio::test]
async fn what_redis_did_not_forget_is_not_called_forgotten() {
    run_alone(async {
        let client = Client::new();
        set_fault("redis", json!({"kind": "refuse"})).await;
        let request = client.request(Method::DELETE, PATH);
        let request = request.bearer_auth(variable("ADMIN_TOKEN"));
        assert_eq!(
            Response::to(request).await.expect(200),
            json!({"success": false, "cleared": false})
        );
    })
    .await;
}
