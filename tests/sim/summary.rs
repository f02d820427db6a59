//! Short descriptions of requests and responses for the history.

use crate::{history::History, world::Upstream};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

/// Method and path, such as `POST /api/bookings`.
pub(crate) fn request_line(request: &Request<Bytes>) -> String {
    format!("{} {}", request.method(), request.uri().path())
}

/// Whether a request is part of a movement of money.
pub(crate) fn moves_money(to: Upstream, path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    match to {
        Upstream::PayPal => {
            matches!(
                last,
                "authorize" | "capture" | "reauthorize" | "void" | "refund"
            )
        }
        Upstream::Database => {
            last == "begin_authorization"
                || last == "begin_void"
                || last == "process_scheduled_payment_captures"
                || last.starts_with("record_")
        }
        Upstream::Product | Upstream::Redis => false,
    }
}

pub(crate) fn request(to: Upstream, request: &Request<Bytes>) -> String {
    match to {
        Upstream::Product => format!("product {}", request_line(request)),
        Upstream::Database => {
            let function = request.uri().path().rsplit('/').next().unwrap_or_default();
            format!("database {function}{}", subject(request.body()))
        }
        Upstream::Redis => {
            let commands: Vec<Vec<String>> = serde_json::from_slice(request.body()).unwrap();
            let words: Vec<String> = commands
                .iter()
                .map(|command| short_command(command))
                .collect();
            format!("redis {}", words.join(", "))
        }
        Upstream::PayPal => format!("paypal {}", paypal_request(request)),
    }
}

fn paypal_request(request: &Request<Bytes>) -> String {
    let id = request.headers().get("paypal-request-id");
    match id.and_then(|id| id.to_str().ok()) {
        Some(id) => format!("{} as {id}", request_line(request)),
        None => match request.uri().query() {
            Some(query) => format!("{}?{query}", request_line(request)),
            None => request_line(request),
        },
    }
}

/// The id in a function call's arguments that identifies its subject, with a leading space.
fn subject(body: &[u8]) -> String {
    let arguments: Value = serde_json::from_slice(body).unwrap_or_default();
    [
        "p_request_id",
        "p_booking_id",
        "p_payment_id",
        "p_order_id",
        "p_car",
        "p_event_id",
    ]
    .iter()
    .find_map(|name| arguments[*name].as_str())
    .filter(|_| arguments["p_request_id"].is_null() || arguments["p_payment_id"].is_string())
    .map(|subject| format!(" {subject}"))
    .unwrap_or_default()
}

/// The command's name and the first parts of its first key.
fn short_command(command: &[String]) -> String {
    let key = command
        .iter()
        .skip(1)
        .find(|word| word.contains(':') && !word.contains(' '));
    match (command[0].as_str(), key) {
        ("SET" | "EVAL", Some(key)) => {
            let kind: Vec<&str> = key.split(':').take(3).collect();
            format!("{} {}", command[0], kind.join(":"))
        }
        (name, _) => name.to_owned(),
    }
}

/// The status and the most informative word of the body.
pub(crate) fn response(from: Upstream, response: &Response<Bytes>) -> String {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let status = response.status().as_u16();
    let word = match from {
        Upstream::Redis => return "ok".to_owned(),
        Upstream::Database => match &body {
            Value::Array(items) => format!("{} rows", items.len()),
            body => text(&body["outcome"])
                .or_else(|| text(&body["code"]))
                .unwrap_or_default(),
        },
        Upstream::PayPal => text(&body["details"][0]["issue"])
            .or_else(|| text(&body["name"]))
            .or_else(|| text(&body["status"]))
            .unwrap_or_default(),
        Upstream::Product => text(&body["code"])
            .or_else(|| text(&body["status"]))
            .unwrap_or_default(),
    };
    match from {
        Upstream::Database if status == 200 && !word.is_empty() => word,
        _ => format!("{status} {word}").trim_end().to_owned(),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Names the ids in PayPal's response to a request for `path`.
pub(crate) fn name_paypal_ids(history: &mut History, path: &str, response: &Response<Bytes>) {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let Some(id) = body["id"].as_str() else {
        return;
    };
    let kind = if path.ends_with("/capture") {
        "capture"
    } else if path.ends_with("/refund") {
        "refund"
    } else if path.contains("/authorizations/") {
        "authorization"
    } else {
        "order"
    };
    history.name(kind, id);
    history.name_ids(&body);
}
