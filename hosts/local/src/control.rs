//! `/_local/*`: how a test controls the local system. Never part of a production host.
//!
//! | request | effect or response |
//! |---|---|
//! | `GET /_local/clock` | `{"now"}` |
//! | `POST /_local/clock` `{"advance":"PT24H"}` | moves the product's and PayPal's clocks |
//! | `POST /_local/faults` `{"upstream":"redis","fault":{…}}` | adds a fault, see `faults.rs` |
//! | `POST /_local/processes` `{"process":"redis","action":"stop"}` | stops or starts a server |
//! | `GET /_local/requests` | requests to each upstream since the start |
//! | `/_local/paypal/…` | PayPal's unkindness, console, books and events, see `control/paypal.rs` |
//! | `POST /_local/users` `{"role":"admin"}` | signs a user in at Supabase: `{"token"}` |
//! | `POST /_local/crons` `{"path":"/api/…"}` | runs one cron now and returns its response |
//!
//! A user may have an `"id"`.

mod paypal;

use crate::{
    crons::CronRunner,
    error::Error,
    faults::{Fault, Upstream},
    local_clock::LocalClock,
    paypal::{Simulator, WebhookError},
    serve::Peer,
    stack::{self, Stack},
    supabase::{self, Keys},
    upstash::Counters,
    webhooks::{SendError, Sender},
};
use axum::{
    Json, Router,
    extract::{Request, State, rejection::JsonRejection},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Longer than any rental, and far from the end of the calendar.
const MAX_ADVANCE: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The objects that the control API acts on.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) clock: Arc<LocalClock>,
    pub(crate) stack: Arc<Stack>,
    pub(crate) upstreams: Upstreams,
    pub(crate) redis_counters: Arc<Counters>,
    pub(crate) paypal: Simulator,
    pub(crate) keys: Keys,
    /// `None` when the product is not served here.
    pub(crate) crons: Option<Arc<CronRunner>>,
    pub(crate) webhooks: Arc<Sender>,
}

#[derive(Clone, Default)]
pub(crate) struct Upstreams {
    pub(crate) redis: Arc<Upstream>,
    pub(crate) database: Arc<Upstream>,
    pub(crate) paypal: Arc<Upstream>,
}

pub(crate) fn router(control: Control) -> Router {
    let paypal = paypal::router(paypal::PayPalControl {
        paypal: control.paypal.clone(),
        webhooks: Arc::clone(&control.webhooks),
    });
    Router::new()
        .route("/_local/clock", get(read_clock).post(move_clock))
        .route("/_local/faults", post(add_fault))
        .route("/_local/processes", post(control_process))
        .route("/_local/requests", get(requests))
        .route("/_local/users", post(sign_in))
        .route("/_local/crons", post(run_cron))
        .with_state(control)
        .merge(paypal)
        .layer(middleware::from_fn(require_loopback))
}

/// An error response, sent as problem+json.
struct Refusal(StatusCode, String);

type Reply = Result<Json<Value>, Refusal>;
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

async fn require_loopback(request: Request, next: Next) -> Response {
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
struct ClockInput {
    advance: SignedDuration,
}

async fn move_clock(State(control): State<Control>, body: Body<ClockInput>) -> Reply {
    let Json(ClockInput { advance }) = body?;
    let step = Duration::try_from(advance).ok();
    let Some(step) = step.filter(|step| *step <= MAX_ADVANCE) else {
        let detail = "advance must be from PT0S to ten years".to_owned();
        return Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, detail));
    };
    control.clock.advance(step)?;
    if let Some(crons) = &control.crons {
        crons.clock_moved();
    }
    control.webhooks.clock_moved();
    Ok(Json(json!({"now": control.clock.clock().now()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserInput {
    role: String,
    id: Option<String>,
}

async fn sign_in(State(control): State<Control>, body: Body<UserInput>) -> Reply {
    let Json(UserInput { role, id }) = body?;
    // The product's clock is never behind Supabase's, so the token is valid by both.
    let now = control.clock.clock().now().as_second();
    let token = supabase::sign_in(&control.keys, id.as_deref(), &role, now);
    Ok(Json(json!({ "token": token })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultInput {
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

async fn add_fault(State(control): State<Control>, body: Body<FaultInput>) -> Reply {
    let Json(FaultInput { upstream, fault }) = body?;
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
    upstream.add(fault);
    Ok(Json(json!({"ok": true})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcessInput {
    process: stack::ServerName,
    action: stack::Action,
}

async fn control_process(State(control): State<Control>, body: Body<ProcessInput>) -> Reply {
    let Json(ProcessInput { process, action }) = body?;
    if control.stack.apply(process, action).await? {
        Ok(Json(json!({"ok": true})))
    } else {
        Err(Refusal(
            StatusCode::CONFLICT,
            "this server was not started by exodrive-local".to_owned(),
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
#[serde(deny_unknown_fields)]
struct CronInput {
    path: String,
}

async fn run_cron(
    State(control): State<Control>,
    body: Body<CronInput>,
) -> Result<Response, Refusal> {
    let Json(CronInput { path }) = body?;
    let Some(crons) = &control.crons else {
        return Err(Refusal(
            StatusCode::CONFLICT,
            "--upstreams-only serves no product".to_owned(),
        ));
    };
    if !crons.contains(&path) {
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
