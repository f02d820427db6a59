//! `/_local/*`: what a test may do to the local system. Never part of a production host.
//!
//! | request | does |
//! |---|---|
//! | `GET /_local/clock` | `{"now"}` |
//! | `POST /_local/clock` `{"advance":"PT24H"}` | moves the clock of product and PayPal forward |
//! | `POST /_local/faults` `{"upstream":"redis","fault":{"kind":"refuse"}}` | makes trouble, see `faults.rs` |
//! | `POST /_local/processes` `{"process":"redis","action":"stop"}` | stops or starts a private server |
//! | `GET /_local/requests` | what each upstream was asked since the start |
//! | `GET /_local/paypal/exchanges?requestId=…` | the last exchanges with PayPal, without credentials; `requestId` (how their `PayPal-Request-Id` begins) may be left out |
//! | `GET /_local/paypal/events?order=…` | what PayPal reported, oldest first; `order` (a PayPal order's id) may be left out |
//! | `POST /_local/paypal/deliveries` `{"event":"WH-…","times":2}` | sends one event now, that often at once: `{"statuses"}` |
//! | `POST /_local/users` `{"role":"admin"}` | signs somebody in at Supabase, with the user's id `"id"` if given: `{"token"}` |
//! | `POST /_local/crons` `{"path":"/api/…"}` | runs one cron now, and gives its answer |
//!
//! An event is `{"id","type","order","createdAt","attempts","delivered","due"}`; `due` is null once no attempt is to come.
//! A delivery goes to the product's `/api/webhooks/paypal`, also where `EXODRIVE_WEBHOOKS=off` keeps events from being sent by
//! themselves. `times` is 1 unless given. `"tamper"` forges it: `"body"` changes the body after it was signed, `"signature"` the
//! signature, `"certUrl"` names a certificate on a strange host, `"webhookId"` signs for another merchant's webhook. A forged
//! delivery is none of PayPal's: it is no attempt, and its event stays as it was.

use crate::{
    crons::Caller,
    error::Error,
    faults::{Fault, Upstream},
    local_clock::LocalClock,
    paypal::{Simulator, Tamper, WebhookError},
    serve::Peer,
    stack::{self, Stack},
    supabase::{self, Keys},
    upstash::Counters,
    webhooks::{SendError, Sender},
};
use axum::{
    Json, Router,
    extract::{Query, Request, State, rejection::JsonRejection},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, atomic::Ordering};

/// Farther than any rental, nearer than the end of the calendar.
const LONGEST_STEP: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// How often one event may be sent at the same moment.
const MOST_AT_ONCE: usize = 100;

/// What the control API acts on.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) clock: Arc<LocalClock>,
    pub(crate) stack: Arc<Stack>,
    pub(crate) upstreams: Upstreams,
    pub(crate) redis_counters: Arc<Counters>,
    pub(crate) paypal: Simulator,
    pub(crate) keys: Keys,
    /// `None` when the product is not served here.
    pub(crate) crons: Option<Arc<Caller>>,
    pub(crate) webhooks: Arc<Sender>,
}

/// The three services that the product calls.
#[derive(Clone, Default)]
pub(crate) struct Upstreams {
    pub(crate) redis: Arc<Upstream>,
    pub(crate) database: Arc<Upstream>,
    pub(crate) paypal: Arc<Upstream>,
}

/// The control API.
pub(crate) fn router(control: Control) -> Router {
    Router::new()
        .route("/_local/clock", get(read_clock).post(move_clock))
        .route("/_local/faults", post(arm))
        .route("/_local/processes", post(act))
        .route("/_local/requests", get(requests))
        .route("/_local/paypal/exchanges", get(exchanges))
        .route("/_local/paypal/events", get(events))
        .route("/_local/paypal/deliveries", post(deliver))
        .route("/_local/users", post(sign_in))
        .route("/_local/crons", post(run_cron))
        .layer(middleware::from_fn(only_this_machine))
        .with_state(control)
}

/// A refusal, as problem+json.
struct Refusal(StatusCode, String);

type Answer = Result<Json<Value>, Refusal>;
type Body<T> = Result<Json<T>, JsonRejection>;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, detail) = self;
        let title = status.canonical_reason().unwrap_or_default();
        let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        let status = match error {
            SendError::Webhook(WebhookError::UnknownEvent(_)) => StatusCode::NOT_FOUND,
            SendError::Webhook(_) => StatusCode::INTERNAL_SERVER_ERROR,
            SendError::Address(..) | SendError::Transport(_) | SendError::Late => {
                StatusCode::BAD_GATEWAY
            }
        };
        Self(status, error.to_string())
    }
}

async fn only_this_machine(request: Request, next: Next) -> Response {
    let is_local = request
        .extensions()
        .get::<Peer>()
        .is_some_and(|Peer(peer)| peer.ip().to_canonical().is_loopback());
    if is_local {
        next.run(request).await
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn read_clock(State(control): State<Control>) -> Json<Value> {
    Json(json!({"now": control.clock.clock().now()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    advance: SignedDuration,
}

async fn move_clock(State(control): State<Control>, body: Body<Move>) -> Answer {
    let Json(Move { advance }) = body?;
    if advance.is_negative() || advance > LONGEST_STEP {
        let detail = "advance must be from PT0S to ten years: time does not go back".to_owned();
        return Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    control.clock.advance(advance)?;
    if let Some(crons) = &control.crons {
        crons.clock_moved();
    }
    control.webhooks.clock_moved();
    Ok(Json(json!({"now": control.clock.clock().now()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    role: String,
    id: Option<String>,
}

async fn sign_in(State(control): State<Control>, body: Body<Person>) -> Answer {
    let Json(Person { role, id }) = body?;
    // The product's clock is never behind Supabase's, which is the machine's: by both the token has not lapsed.
    let now = control.clock.clock().now().as_second();
    let token = supabase::sign_in(&control.keys, id.as_deref(), &role, now);
    Ok(Json(json!({ "token": token })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arm {
    upstream: UpstreamName,
    fault: Fault,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum UpstreamName {
    Redis,
    Database,
    Paypal,
}

async fn arm(State(control): State<Control>, body: Body<Arm>) -> Answer {
    let Json(Arm { upstream, fault }) = body?;
    if let Some(problem) = fault.problem() {
        return Err(Refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            problem.to_owned(),
        ));
    }
    let upstream = match upstream {
        UpstreamName::Redis => &control.upstreams.redis,
        UpstreamName::Database => &control.upstreams.database,
        UpstreamName::Paypal => &control.upstreams.paypal,
    };
    upstream.arm(fault);
    Ok(Json(json!({"ok": true})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    process: stack::Name,
    action: stack::Action,
}

async fn act(State(control): State<Control>, body: Body<Act>) -> Answer {
    let Json(Act { process, action }) = body?;
    if control.stack.act(process, action).await? {
        Ok(Json(json!({"ok": true})))
    } else {
        Err(Refusal(
            StatusCode::CONFLICT,
            "this server was not started here".to_owned(),
        ))
    }
}

async fn requests(State(control): State<Control>) -> Json<Value> {
    Json(json!({
        "redis": {
            "requests": control.upstreams.redis.requests(),
            "commands": control.redis_counters.commands.load(Ordering::Relaxed),
        },
        "database": {"requests": control.upstreams.database.requests()},
        "paypal": {"requests": control.paypal.requests()},
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Under {
    request_id: Option<String>,
}

async fn exchanges(State(control): State<Control>, Query(under): Query<Under>) -> Json<Value> {
    let exchanges = match under.request_id {
        Some(request_id) => control.paypal.exchanges_with_id_prefix(&request_id),
        None => control.paypal.exchanges(),
    };
    Json(json!(exchanges))
}

#[derive(Deserialize)]
struct About {
    order: Option<String>,
}

async fn events(State(control): State<Control>, Query(about): Query<About>) -> Json<Value> {
    Json(json!(control.paypal.events(about.order.as_deref())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deliver {
    event: String,
    #[serde(default = "once")]
    times: usize,
    tamper: Option<Tamper>,
}

const fn once() -> usize {
    1
}

async fn deliver(State(control): State<Control>, body: Body<Deliver>) -> Answer {
    let Json(Deliver {
        event,
        times,
        tamper,
    }) = body?;
    if !(1..=MOST_AT_ONCE).contains(&times) {
        let detail = format!("times must be from 1 to {MOST_AT_ONCE}");
        return Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let statuses = control.webhooks.send_now(&event, times, tamper).await?;
    let statuses: Vec<u16> = statuses.iter().map(StatusCode::as_u16).collect();
    Ok(Json(json!({"statuses": statuses})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunCron {
    path: String,
}

async fn run_cron(
    State(control): State<Control>,
    body: Body<RunCron>,
) -> Result<Response, Refusal> {
    let Json(RunCron { path }) = body?;
    let Some(crons) = &control.crons else {
        return Err(Refusal(
            StatusCode::CONFLICT,
            "the product is not served here".to_owned(),
        ));
    };
    if !crons.knows(&path) {
        return Err(Refusal(
            StatusCode::NOT_FOUND,
            format!("vercel.json has no cron {path:?}"),
        ));
    }
    crons
        .run(&path)
        .await
        .map_err(|reason| Refusal(StatusCode::BAD_GATEWAY, reason))
}
