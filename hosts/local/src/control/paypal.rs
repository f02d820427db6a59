//! `/_local/paypal/*`: the part of the control API about the PayPal simulator.
//!
//! | request below `/_local/paypal` | effect or response |
//! |---|---|
//! | `GET /behaviour` | `{"behaviour"}`: those in force, with `matched` and `fired` |
//! | `POST /behaviour` `{"kind":"decline",…}` | one more, see `paypal/behaviour/mod.rs` |
//! | `POST /behaviour` `{"reset":true}`, `DELETE /behaviour` | ends all |
//! | `POST /console` `{"action":"refund",…}` | acts in the console, see `paypal/console/mod.rs` |
//! | `GET /books` | authorizations, captures and refunds with PayPal's status now |
//! | `GET /exchanges?requestId=…` | the last exchanges with PayPal, without credentials |
//! | `GET /events?order=…` | PayPal's events, oldest first |
//! | `POST /deliveries` `{"event":"WH-…","times":2}` | sends one event now: `{"statuses"}` |
//!
//! - `requestId` is the beginning of a `PayPal-Request-Id`, `order` a PayPal order's id. Both are
//!   optional.
//! - A behaviour or an action with an unknown member or an impossible value is 422. An action on an
//!   unknown resource is 404, and one that PayPal refuses 409 with PayPal's issue as `detail`.
//! - An event is `{"id","type","order","createdAt","attempts","delivered","due"}`. `due` is null
//!   after the last attempt.
//! - A delivery goes to the product's `/api/webhooks/paypal`, even with `EXODRIVE_WEBHOOKS=off`.
//!   `times` is the number of simultaneous deliveries, 1 by default.
//! - `"tamper"` forges a delivery: `"body"` changes the body after signing, `"signature"` changes
//!   the signature. `"certUrl"` names a certificate on a foreign host, and `"webhookId"` signs for
//!   another merchant's webhook. A forged delivery is not recorded as an attempt.

#[cfg(test)]
mod tests;

use super::{Body, Refusal, Reply};
use crate::{
    paypal::{Behaviour, BehaviourError, ConsoleAction, ConsoleError, Forgery, Simulator},
    webhooks::Sender,
};
use axum::{
    Json, Router,
    extract::{Query, State},
    routing::{get, post},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const MAX_SIMULTANEOUS_DELIVERIES: usize = 100;

/// The simulator, and the sender of its events.
#[derive(Clone)]
pub(super) struct PayPalControl {
    pub(super) paypal: Simulator,
    pub(super) webhooks: Arc<Sender>,
}

pub(super) fn router(control: PayPalControl) -> Router {
    let behaviour = get(read_behaviour)
        .post(set_behaviour)
        .delete(reset_behaviour);
    Router::new()
        .route("/_local/paypal/behaviour", behaviour)
        .route("/_local/paypal/console", post(act))
        .route("/_local/paypal/books", get(books))
        .route("/_local/paypal/exchanges", get(exchanges))
        .route("/_local/paypal/events", get(events))
        .route("/_local/paypal/deliveries", post(deliver))
        .with_state(control)
}

impl From<BehaviourError> for Refusal {
    fn from(error: BehaviourError) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}

impl From<ConsoleError> for Refusal {
    fn from(error: ConsoleError) -> Self {
        let status = match error {
            ConsoleError::Unknown => StatusCode::NOT_FOUND,
            ConsoleError::Refused(_) => StatusCode::CONFLICT,
        };
        Self(status, error.to_string())
    }
}

/// Either a behaviour or `{"reset":true}`.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
enum BehaviourInput {
    Reset,
    Set(Box<Behaviour>),
}

impl TryFrom<Value> for BehaviourInput {
    type Error = serde_json::Error;

    fn try_from(value: Value) -> serde_json::Result<Self> {
        if value == json!({ "reset": true }) {
            return Ok(Self::Reset);
        }
        serde_json::from_value(value).map(|behaviour| Self::Set(Box::new(behaviour)))
    }
}

async fn read_behaviour(State(control): State<PayPalControl>) -> Json<Value> {
    Json(json!({ "behaviour": control.paypal.behaviour() }))
}

async fn set_behaviour(State(control): State<PayPalControl>, body: Body<BehaviourInput>) -> Reply {
    match body?.0 {
        BehaviourInput::Reset => control.paypal.reset_behaviour(),
        BehaviourInput::Set(behaviour) => control.paypal.set_behaviour(*behaviour)?,
    }
    Ok(read_behaviour(State(control)).await)
}

async fn reset_behaviour(State(control): State<PayPalControl>) -> Json<Value> {
    control.paypal.reset_behaviour();
    read_behaviour(State(control)).await
}

/// Events of an action are sent at once, as those of the API are.
async fn act(State(control): State<PayPalControl>, body: Body<ConsoleAction>) -> Reply {
    let Json(action) = body?;
    let resource = control.paypal.console(&action)?;
    control.webhooks.clock_moved();
    Ok(Json(resource))
}

async fn books(State(control): State<PayPalControl>) -> Json<Value> {
    Json(json!(control.paypal.books()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExchangeFilter {
    request_id: Option<String>,
}

async fn exchanges(
    State(control): State<PayPalControl>,
    Query(filter): Query<ExchangeFilter>,
) -> Json<Value> {
    let exchanges = match filter.request_id {
        Some(request_id) => control.paypal.exchanges_with_id_prefix(&request_id),
        None => control.paypal.exchanges(),
    };
    Json(json!(exchanges))
}

#[derive(Deserialize)]
struct EventFilter {
    order: Option<String>,
}

async fn events(
    State(control): State<PayPalControl>,
    Query(filter): Query<EventFilter>,
) -> Json<Value> {
    Json(json!(control.paypal.events(filter.order.as_deref())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveryInput {
    event: String,
    #[serde(default = "once")]
    times: usize,
    #[serde(rename = "tamper")]
    forgery: Option<Forgery>,
}

const fn once() -> usize {
    1
}

async fn deliver(State(control): State<PayPalControl>, body: Body<DeliveryInput>) -> Reply {
    let Json(DeliveryInput {
        event,
        times,
        forgery,
    }) = body?;
    if !(1..=MAX_SIMULTANEOUS_DELIVERIES).contains(&times) {
        let detail = format!("times must be from 1 to {MAX_SIMULTANEOUS_DELIVERIES}");
        return Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let statuses = control.webhooks.send_now(&event, times, forgery).await?;
    let statuses: Vec<u16> = statuses.iter().map(StatusCode::as_u16).collect();
    Ok(Json(json!({"statuses": statuses})))
}
