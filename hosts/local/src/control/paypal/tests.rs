//! Tests of `/_local/paypal/*` over HTTP.

use super::{PayPalControl, router};
use crate::{
    paypal::{Credentials, Simulator},
    webhooks::Sender,
};
use axum::body::Body;
use exodrive_native::Clock;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;

const BEHAVIOUR: &str = "/_local/paypal/behaviour";
const CONSOLE: &str = "/_local/paypal/console";

fn control() -> PayPalControl {
    let credentials = Credentials {
        client_id: "client".to_owned(),
        client_secret: "secret".to_owned(),
    };
    let base = "http://paypal.test".to_owned();
    let paypal = Simulator::seeded(Clock::default(), credentials, base, 1);
    // Nothing is sent: no task drives the sender.
    let webhooks = Arc::new(Sender::new(paypal.clone(), "http://product.test"));
    PayPalControl { paypal, webhooks }
}

async fn send(
    control: &PayPalControl,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, |body| body.to_string().into()))
        .unwrap();
    let response = router(control.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn post(control: &PayPalControl, path: &str, body: Value) -> (StatusCode, Value) {
    send(control, "POST", path, Some(&body)).await
}

async fn kinds(control: &PayPalControl) -> Vec<String> {
    let (status, body) = send(control, "GET", BEHAVIOUR, None).await;
    assert_eq!(status, 200);
    let behaviours = body["behaviour"].as_array().unwrap();
    behaviours
        .iter()
        .map(|behaviour| behaviour["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn behaviours_are_set_shown_and_reset() {
    let control = control();
    assert!(kinds(&control).await.is_empty());
    let decline = json!({
        "kind": "decline", "operation": "authorizations.capture",
        "issue": "PAYER_CANNOT_PAY", "times": 1,
    });
    let (status, body) = post(&control, BEHAVIOUR, decline.clone()).await;
    assert_eq!(status, 200);
    let mut shown = decline;
    shown["matched"] = json!(0);
    shown["fired"] = json!(0);
    assert_eq!(body, json!({ "behaviour": [shown] }));
    post(&control, BEHAVIOUR, json!({"kind": "forgets_orders"})).await;
    assert_eq!(kinds(&control).await, ["decline", "forgets_orders"]);
    assert_eq!(
        post(&control, BEHAVIOUR, json!({"reset": true})).await.0,
        200
    );
    assert!(kinds(&control).await.is_empty());
    post(&control, BEHAVIOUR, json!({"kind": "revoked"})).await;
    assert_eq!(send(&control, "DELETE", BEHAVIOUR, None).await.0, 200);
    assert!(kinds(&control).await.is_empty());
}

#[tokio::test]
async fn duration_is_shown_as_its_end() {
    let control = control();
    let outage = json!({"kind": "page", "status": 502, "for": "PT3H"});
    let (_, body) = post(&control, BEHAVIOUR, outage).await;
    let behaviour = &body["behaviour"][0];
    assert_eq!(behaviour.get("for"), None);
    assert!(behaviour["until"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn impossible_behaviours_are_422() {
    let control = control();
    for behaviour in [
        json!({}),
        json!([]),
        json!({"reset": false}),
        json!({"reset": true, "kind": "minimal"}),
        json!({"kind": "minimal", "tims": 1}),
        json!({"kind": "rude"}),
        json!({"kind": "stale", "by": "PT1M", "operation": "captures.refund"}),
    ] {
        let (status, _) = post(&control, BEHAVIOUR, behaviour.clone()).await;
        assert_eq!(status, 422, "{behaviour}");
    }
    assert!(kinds(&control).await.is_empty());
}

#[tokio::test]
async fn console_refusals_have_their_status() {
    let control = control();
    let void = |id: &str| json!({"action": "void", "authorization": id});
    let (status, problem) = post(&control, CONSOLE, void("NONE")).await;
    assert_eq!((status.as_u16(), &problem["status"]), (404, &json!(404)));
    let (status, _) = post(&control, CONSOLE, json!({"action": "void"})).await;
    assert_eq!(status, 422);
    let unknown = json!({"action": "void", "authorization": "A", "force": true});
    assert_eq!(post(&control, CONSOLE, unknown).await.0, 422);

    let order = crate::paypal::authorized_order(&control.paypal).await;
    let id = order["authorizations"][0]["id"].as_str().unwrap();
    let (status, voided) = post(&control, CONSOLE, void(id)).await;
    assert_eq!(
        (status.as_u16(), &voided["status"]),
        (200, &json!("VOIDED"))
    );
    let (status, problem) = post(&control, CONSOLE, void(id)).await;
    assert_eq!(
        (status.as_u16(), &problem["detail"]),
        (409, &json!("PREVIOUSLY_VOIDED"))
    );
    let (status, books) = send(&control, "GET", "/_local/paypal/books", None).await;
    assert_eq!(status, 200);
    assert_eq!(books["authorizations"][0]["status"], "VOIDED");
    assert_eq!(books["authorizations"][0]["held"], "0");
}
