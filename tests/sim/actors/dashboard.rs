//! Somebody at PayPal's dashboard, who gives money back without asking us.

use crate::{
    ledger::Standing,
    world::{Upstream, World},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, header};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Lives such a life.
pub(crate) async fn live(world: Arc<World>, pace: u64) {
    while world.is_lively() {
        let minutes = world.state().random.between(pace, 12 * pace);
        world.sleep(Duration::from_secs(60 * minutes)).await;
        act_once(Arc::clone(&world)).await;
    }
}

/// Does one thing, if there is one to do.
pub(crate) async fn act_once(world: Arc<World>) {
    if let Some((path, body)) = deed(&world) {
        act(&world, path, &body).await;
    }
}

/// A part of what was taken, or all that is held.
fn deed(world: &World) -> Option<(String, Value)> {
    let mut state = world.state();
    let now = state.clock.now();
    let ledger = &state.checks.ledger;
    let taken: Vec<(String, Value)> = ledger
        .captures
        .values()
        .filter(|capture| capture.standing(now) == Standing::Taken)
        .map(|capture| {
            let amount = json!({"currency_code": capture.amount.currency, "value": "3.00"});
            let path = format!("/v2/payments/captures/{}/refund", capture.id);
            (path, json!({ "amount": amount }))
        })
        .collect();
    let held: Vec<(String, Value)> = ledger
        .authorizations
        .values()
        .filter(|authorization| authorization.holds())
        .map(|authorization| {
            let path = format!("/v2/payments/authorizations/{}/void", authorization.id);
            (path, json!({}))
        })
        .collect();
    let is_refund = state.random.chance(700);
    let deeds = if is_refund { taken } else { held };
    if deeds.is_empty() {
        return None;
    }
    let end = u64::try_from(deeds.len()).unwrap();
    let at = usize::try_from(state.random.below(end)).unwrap();
    deeds.into_iter().nth(at)
}

/// The dashboard is PayPal's own: whatever goes wrong, they see what became of it.
async fn act(world: &Arc<World>, path: String, body: &Value) {
    let keys = BASE64_STANDARD.encode("simulated-client:simulated-secret");
    let sign_in = post("/v1/oauth2/token", format!("Basic {keys}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from_static(b"grant_type=client_credentials"));
    let Ok(answer) = world.send(sign_in.unwrap()).await else {
        return;
    };
    let answer: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let Some(token) = answer["access_token"].as_str() else {
        return;
    };
    let request = post(&path, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()));
    // Nobody repeats it, so a lost answer costs nothing.
    let _ = world.send(request.unwrap()).await;
}

fn post(path: &str, authorization: String) -> http::request::Builder {
    Request::post(format!("{}{path}", Upstream::PayPal.base_url()))
        .header(header::AUTHORIZATION, authorization)
}
