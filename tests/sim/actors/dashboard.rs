//! A person at PayPal's dashboard, who refunds captures and voids authorizations without the
//! product.

use crate::{
    ledger::CaptureStatus,
    world::{Upstream, World},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, header};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

pub(crate) async fn run(world: Arc<World>, min_minutes: u64) {
    while world.is_active() {
        let minutes = world.state().random.between(min_minutes, 12 * min_minutes);
        world.sleep(Duration::from_secs(60 * minutes)).await;
        act_once(Arc::clone(&world)).await;
    }
}

/// Makes one change, if any is possible.
pub(crate) async fn act_once(world: Arc<World>) {
    if let Some((path, body)) = choose(&world) {
        act(&world, path, &body).await;
    }
}

/// Chooses a partial refund of a capture or the void of an authorization.
fn choose(world: &World) -> Option<(String, Value)> {
    let mut state = world.state();
    let now = state.clock.now();
    let ledger = &state.checks.ledger;
    let refunds: Vec<(String, Value)> = ledger
        .captures
        .values()
        .filter(|capture| capture.status_at(now) == CaptureStatus::Completed)
        .map(|capture| {
            let amount = json!({"currency_code": capture.amount.currency, "value": "3.00"});
            let path = format!("/v2/payments/captures/{}/refund", capture.id);
            (path, json!({ "amount": amount }))
        })
        .collect();
    let voids: Vec<(String, Value)> = ledger
        .authorizations
        .values()
        .filter(|authorization| authorization.reserves_money())
        .map(|authorization| {
            let path = format!("/v2/payments/authorizations/{}/void", authorization.id);
            (path, json!({}))
        })
        .collect();
    let is_refund = state.random.chance(700);
    let changes = if is_refund { refunds } else { voids };
    if changes.is_empty() {
        return None;
    }
    let end = u64::try_from(changes.len()).unwrap();
    let at = usize::try_from(state.random.below(end)).unwrap();
    changes.into_iter().nth(at)
}

/// Sends the change, without the request id that the product would send.
async fn act(world: &Arc<World>, path: String, body: &Value) {
    let keys = BASE64_STANDARD.encode("simulated-client:simulated-secret");
    let sign_in = post("/v1/oauth2/token", format!("Basic {keys}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from_static(b"grant_type=client_credentials"));
    let Ok(response) = world.send(sign_in.unwrap()).await else {
        return;
    };
    let response: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let Some(token) = response["access_token"].as_str() else {
        return;
    };
    let request = post(&path, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()));
    // The dashboard belongs to PayPal and shows the result, so a lost response does no harm.
    let _ = world.send(request.unwrap()).await;
}

fn post(path: &str, authorization: String) -> http::request::Builder {
    Request::post(format!("{}{path}", Upstream::PayPal.base_url()))
        .header(header::AUTHORIZATION, authorization)
}
