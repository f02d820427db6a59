//! Reads the commands of an HTTP request.

use super::{command::Command, json_response};
use axum::{
    body::Bytes,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};

/// Upstash's own limit.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Call {
    /// `POST /` or a path.
    Command(Command),
    /// `/pipeline`.
    Pipeline(Vec<Command>),
    /// `/multi-exec`.
    Transaction(Vec<Command>),
}

/// An error response that does not come from Redis.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rejection {
    #[error("WRONGPASS invalid or missing auth token")]
    Unauthorized,
    #[error("ERR method is not allowed, use one of HEAD, GET, POST and PUT")]
    Method,
    #[error("ERR max request size exceeded. Limit: {MAX_BODY_BYTES} bytes")]
    TooLarge,
    #[error("ERR failed to read the request")]
    Interrupted,
    #[error("ERR unsupported response format")]
    Format,
    #[error("ERR failed to parse {0}")]
    Malformed(&'static str),
    #[error("ERR empty {0}")]
    Empty(&'static str),
    #[error("ERR the database cannot be reached")]
    Unreachable,
}

impl Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Interrupted | Self::Format | Self::Malformed(_) | Self::Empty(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Unreachable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        json_response(self.status(), &json!({ "error": self.to_string() }))
    }
}

/// Reads a request, which must have `token`.
pub(super) async fn read(request: Request, token: &str) -> Result<Call, Rejection> {
    let (head, body) = request.into_parts();
    let words = query_words(head.uri.query().unwrap_or_default());
    if request_token(&head.headers, &words).as_deref() != Some(token.as_bytes()) {
        return Err(Rejection::Unauthorized);
    }
    if ![Method::HEAD, Method::GET, Method::POST, Method::PUT].contains(&head.method) {
        return Err(Rejection::Method);
    }
    if head
        .headers
        .get("upstash-response-format")
        .is_some_and(|format| format != "json")
    {
        return Err(Rejection::Format);
    }
    let body = read_body(body).await?;
    match head.uri.path() {
        "/" => {
            let words: Vec<Value> =
                serde_json::from_slice(&body).map_err(|_| Rejection::Malformed("command"))?;
            if words.is_empty() {
                return Err(Rejection::Empty("command"));
            }
            Command::from_json(&words)
                .map(Call::Command)
                .ok_or(Rejection::Malformed("command"))
        }
        "/pipeline" => commands(&body, "pipeline request").map(Call::Pipeline),
        "/multi-exec" => commands(&body, "transaction request").map(Call::Transaction),
        path => path_command(path, words, body).map(Call::Command),
    }
}

async fn read_body(body: axum::body::Body) -> Result<Bytes, Rejection> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Rejection::TooLarge),
        Err(_) => Err(Rejection::Interrupted),
    }
}

fn commands(body: &[u8], kind: &'static str) -> Result<Vec<Command>, Rejection> {
    let rows: Vec<Vec<Value>> =
        serde_json::from_slice(body).map_err(|_| Rejection::Malformed(kind))?;
    if rows.is_empty() {
        return Err(Rejection::Empty(kind));
    }
    rows.iter()
        .map(|row| Command::from_json(row).ok_or(Rejection::Malformed(kind)))
        .collect()
}

/// `/set/k` with the body `v` and the query `EX=100` is `SET k v EX 100`.
fn path_command(
    path: &str,
    words: Vec<(Vec<u8>, Vec<u8>)>,
    body: Bytes,
) -> Result<Command, Rejection> {
    let mut command: Vec<Vec<u8>> = path
        .trim_start_matches('/')
        .split('/')
        .map(|segment| decode(segment, false))
        .collect();
    if !body.is_empty() {
        command.push(body.into());
    }
    for (name, value) in words.into_iter().filter(|(name, _)| name != b"_token") {
        command.push(name);
        if !value.is_empty() {
            command.push(value);
        }
    }
    Command::new(command).ok_or(Rejection::Empty("command"))
}

fn request_token(headers: &HeaderMap, words: &[(Vec<u8>, Vec<u8>)]) -> Option<Vec<u8>> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim().as_bytes().to_vec());
    bearer.or_else(|| {
        words
            .iter()
            .find(|(name, _)| name == b"_token")
            .map(|(_, value)| value.clone())
    })
}

fn query_words(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

/// Percent-decodes to bytes, because an argument may be binary. `%` without two digits stays as it
/// is.
fn decode(text: &str, plus_is_space: bool) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match (byte, digit(bytes.get(at)), digit(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 2;
            }
            (b'+', _, _) if plus_is_space => decoded.push(b' '),
            _ => decoded.push(*byte),
        }
    }
    decoded
}
