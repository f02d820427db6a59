//! Upstash's Redis REST API over an ordinary redis-server.
//!
//! | request | means |
//! |---|---|
//! | `POST /` with `["SET","k","v"]` | one command |
//! | `GET` or `POST /set/k/v?EX=100` | one command; a POST's body goes before the query's words |
//! | `POST /pipeline` with `[["SET","k","v"],["GET","k"]]` | commands in order, each with its own answer |
//! | `POST /multi-exec` with the same | the commands as one transaction, or one error and none of them |
//!
//! An answer is `{"result":...}` or `{"error":"..."}`, for the last two an array of these. 200 is success, 400 a command
//! or a body that is refused, 401 a token that is not ours, 413 more than 10 MiB, 500 a Redis that cannot be reached.
//! `Upstash-Encoding: base64` encodes every string of the answer except a plain `OK`.
//!
//! Not offered: `Upstash-Response-Format: resp2`, commands that block, subscribe, watch or administer the server.
//! Commands inside a script are not counted, although Upstash bills them.
//!
//! Source: <https://upstash.com/docs/redis/features/restapi>

mod catalogue;
mod command;
mod connection;
mod reply;
mod request;
#[cfg(test)]
mod tests;

use self::{
    connection::Connection,
    reply::{Answer, Encoding},
    request::{Call, Rejection},
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What was asked of Redis since the start; what Upstash bills is `commands`.
#[derive(Debug, Default)]
pub struct Counters {
    /// HTTP requests, refused ones included.
    pub requests: AtomicU64,
    /// Commands sent to Redis, each one of a pipeline or a transaction counted.
    pub commands: AtomicU64,
}

#[derive(Clone)]
struct Emulator {
    connection: Arc<Connection>,
    token: Arc<str>,
    counters: Arc<Counters>,
}

/// The REST API over the Redis that `redis` names, for callers who know `token`.
///
/// Nothing is connected before the first command; a lost connection is made again by the next one.
pub fn router(redis: redis::Client, token: String, counters: Arc<Counters>) -> Router {
    Router::new().fallback(serve).with_state(Emulator {
        connection: Arc::new(Connection::new(redis)),
        token: token.into(),
        counters,
    })
}

async fn serve(State(emulator): State<Emulator>, request: Request) -> Response {
    let number = emulator.counters.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let encoding = Encoding::asked(request.headers());
    let mut response = match request::read(request, &emulator.token).await {
        Ok(call) => match emulator.run(call).await {
            Ok(answer) => answer.into_response(encoding),
            Err(_unreachable) => Rejection::Unreachable.into_response(),
        },
        Err(rejection) => rejection.into_response(),
    };
    if let Ok(token) = HeaderValue::from_str(&format!("local-{number}")) {
        response.headers_mut().insert("upstash-sync-token", token);
    }
    response
}

impl Emulator {
    async fn run(&self, call: Call) -> Result<Answer, redis::RedisError> {
        let count = |sent: usize| {
            let sent = u64::try_from(sent).unwrap_or(u64::MAX);
            self.counters.commands.fetch_add(sent, Ordering::Relaxed);
        };
        match call {
            Call::Command(command) => {
                let (outcomes, sent) = self.connection.pipeline(vec![command]).await?;
                count(sent);
                Ok(Answer::One(
                    outcomes.into_iter().next().unwrap_or(Ok(redis::Value::Nil)),
                ))
            }
            Call::Pipeline(commands) => {
                let (outcomes, sent) = self.connection.pipeline(commands).await?;
                count(sent);
                Ok(Answer::Many(outcomes))
            }
            Call::Transaction(commands) => {
                count(commands.len());
                Ok(match self.connection.transaction(commands).await? {
                    Ok(outcomes) => Answer::Many(outcomes),
                    Err(discarded) => Answer::One(Err(discarded)),
                })
            }
        }
    }
}

fn json_response(status: http::StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
