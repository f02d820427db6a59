//! Upstash's Redis REST API over an ordinary redis-server.
//!
//! | request | meaning |
//! |---|---|
//! | `POST /` with `["SET","k","v"]` | one command |
//! | `GET` or `POST /set/k/v?EX=100` | one command; a POST's body goes before the query's words |
//! | `POST /pipeline` with `[["SET","k","v"],["GET","k"]]` | commands in order, a reply each |
//! | `POST /multi-exec` with the same | one transaction, discarded if a command is invalid |
//!
//! A reply is `{"result":...}` or `{"error":"..."}`. The last two requests get an array of replies.
//!
//! | status | meaning |
//! |---|---|
//! | 200 | success |
//! | 400 | a refused command or body |
//! | 401 | a wrong token |
//! | 413 | a body over 10 MiB |
//! | 500 | Redis is unreachable |
//!
//! `Upstash-Encoding: base64` encodes every string of a reply except a plain `OK`.
//!
//! `Upstash-Response-Format: resp2` and commands that block, subscribe, watch or administer the
//! server are not offered. Commands inside a script are not counted, although Upstash bills them.
//!
//! Source: <https://upstash.com/docs/redis/features/restapi>

mod command;
mod connection;
mod refused_commands;
mod reply;
mod request;
#[cfg(test)]
mod tests;

use self::{
    connection::Connection,
    reply::{Encoding, Reply},
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

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// HTTP requests, including refused ones.
    pub requests: AtomicU64,
    /// Commands sent to Redis, including each one of a pipeline or transaction. Upstash bills
    /// these.
    pub commands: AtomicU64,
}

#[derive(Clone)]
struct Emulator {
    connection: Arc<Connection>,
    token: Arc<str>,
    counters: Arc<Counters>,
}

/// The REST API over the server of `redis`, for clients that send `token`.
///
/// The first command opens the connection, and the next command after a loss reopens it.
pub fn router(redis: redis::Client, token: String, counters: Arc<Counters>) -> Router {
    Router::new().fallback(serve).with_state(Emulator {
        connection: Arc::new(Connection::new(redis)),
        token: token.into(),
        counters,
    })
}

async fn serve(State(emulator): State<Emulator>, request: Request) -> Response {
    let number = emulator.counters.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let encoding = Encoding::of(request.headers());
    let mut response = match request::read(request, &emulator.token).await {
        Ok(call) => match emulator.run(call).await {
            Ok(reply) => reply.into_response(encoding),
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
    async fn run(&self, call: Call) -> Result<Reply, redis::RedisError> {
        let count = |sent: usize| {
            let sent = u64::try_from(sent).unwrap_or(u64::MAX);
            self.counters.commands.fetch_add(sent, Ordering::Relaxed);
        };
        match call {
            Call::Command(command) => {
                let (outcomes, sent) = self.connection.pipeline(vec![command]).await?;
                count(sent);
                Ok(Reply::One(
                    outcomes.into_iter().next().unwrap_or(Ok(redis::Value::Nil)),
                ))
            }
            Call::Pipeline(commands) => {
                let (outcomes, sent) = self.connection.pipeline(commands).await?;
                count(sent);
                Ok(Reply::Many(outcomes))
            }
            Call::Transaction(commands) => {
                count(commands.len());
                Ok(match self.connection.transaction(commands).await? {
                    Ok(outcomes) => Reply::Many(outcomes),
                    Err(error) => Reply::One(Err(error)),
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
