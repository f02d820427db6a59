//! What a merchant may ask about a delivery: the certificates, and whether PayPal sent it.

use super::{
    super::{
        bodies::{json_response, whole},
        errors::Kind,
        simulator::{Simulator, lock},
    },
    signature,
};
use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{StatusCode, header, request::Parts};
use serde_json::{Value, json, value::RawValue};
use std::{collections::BTreeMap, sync::atomic::Ordering};

/// `GET /v1/notifications/certs/{id}` and `POST /v1/notifications/verify-webhook-signature`
pub(in crate::paypal) fn router() -> Router<Simulator> {
    Router::new()
        .route(signature::CERTIFICATE_PATH, get(certificates))
        .route("/v1/notifications/verify-webhook-signature", post(verify))
}

/// Anybody may read the certificates.
async fn certificates(State(simulator): State<Simulator>, request: Request) -> Response {
    simulator.inner.requests.fetch_add(1, Ordering::Relaxed);
    let (head, _) = request.into_parts();
    let body = signature::CHAIN.into();
    simulator.keep(&head, "certs.get", &[], StatusCode::OK, body);
    let kind = [(header::CONTENT_TYPE, "application/x-pem-file")];
    (kind, signature::CHAIN).into_response()
}

async fn verify(State(simulator): State<Simulator>, request: Request) -> Response {
    simulator.inner.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let Some(bytes) = whole(body).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (status, answer) = simulator.verdict(&head, &bytes);
    simulator.keep(
        &head,
        "verify-webhook-signature.post",
        &bytes,
        status,
        answer.clone(),
    );
    json_response(status, Some(answer))
}

impl Simulator {
    fn verdict(&self, head: &Parts, body: &[u8]) -> (StatusCode, Value) {
        let inner = &self.inner;
        let allowed = lock(&inner.tokens).check(&head.headers, inner.clock.now());
        match allowed {
            None => return self.refusal(Kind::Unauthenticated, &[]),
            Some(Err(denied)) => return (denied.status, denied.body()),
            Some(Ok(())) => {}
        }
        match Question::read(body) {
            Ok(question) => {
                let certificate = self.links().address(signature::CERTIFICATE_PATH);
                let status = if question.is_genuine(&certificate) {
                    "SUCCESS"
                } else {
                    "FAILURE"
                };
                (StatusCode::OK, json!({ "verification_status": status }))
            }
            Err(details) => self.refusal(Kind::Invalid, &details),
        }
    }

    /// This API's errors are of the older form: other names, and no links.
    fn refusal(&self, kind: Kind, details: &[Value]) -> (StatusCode, Value) {
        let (name, message) = match kind {
            Kind::Invalid => ("VALIDATION_ERROR", "Invalid request - see details"),
            other => (other.name(), other.message()),
        };
        let debug_id = lock(&self.inner.ledger).ids.debug();
        let body = json!({
            "name": name, "message": message, "debug_id": debug_id, "details": details, "links": [],
        });
        (kind.status(), body)
    }
}

/// Whether this event was sent with these headers.
struct Question<'a> {
    auth_algo: String,
    cert_url: String,
    transmission_id: String,
    transmission_sig: String,
    transmission_time: String,
    webhook_id: String,
    /// As it stands in the request, to the byte.
    webhook_event: &'a RawValue,
}

impl<'a> Question<'a> {
    /// The question, or the details of everything that is wrong with it.
    fn read(body: &'a [u8]) -> Result<Self, Vec<Value>> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body)
            .map_err(|_| vec![json!({ "location": "body", "issue": "MALFORMED_REQUEST_JSON" })])?;
        let mut details = Vec::new();
        let mut fault = |name: &str, issue: &str| {
            details
                .push(json!({ "field": format!("/{name}"), "location": "body", "issue": issue }));
        };
        let mut text = |name: &str, longest: usize, is_allowed: fn(char) -> bool| {
            let Some(member) = members.get(name) else {
                fault(name, "MISSING_REQUIRED_PARAMETER");
                return String::new();
            };
            match serde_json::from_str::<String>(member.get()) {
                Ok(text) if text.is_empty() || text.chars().count() > longest => {
                    fault(name, "INVALID_STRING_LENGTH");
                    String::new()
                }
                Ok(text) if text.chars().all(is_allowed) => text,
                _ => {
                    fault(name, "INVALID_PARAMETER_SYNTAX");
                    String::new()
                }
            }
        };
        let alphanumeric = |character: char| character.is_ascii_alphanumeric();
        let printable = |character: char| !character.is_whitespace();
        let (auth_algo, cert_url) = (
            text("auth_algo", 100, alphanumeric),
            text("cert_url", 500, printable),
        );
        let (transmission_id, transmission_sig, transmission_time) = (
            text("transmission_id", 50, printable),
            text("transmission_sig", 500, printable),
            text("transmission_time", 100, printable),
        );
        let webhook_id = text("webhook_id", 50, alphanumeric);
        let webhook_event = members.get("webhook_event").copied();
        match webhook_event {
            None => fault("webhook_event", "MISSING_REQUIRED_PARAMETER"),
            Some(event) if !event.get().starts_with('{') => {
                fault("webhook_event", "INVALID_PARAMETER_SYNTAX");
            }
            Some(_) => {}
        }
        match webhook_event {
            Some(webhook_event) if details.is_empty() => Ok(Self {
                auth_algo,
                cert_url,
                transmission_id,
                transmission_sig,
                transmission_time,
                webhook_id,
                webhook_event,
            }),
            _ => Err(details),
        }
    }

    /// PayPal knows its algorithm, its certificates and its merchants' webhooks, so none is taken on faith.
    fn is_genuine(&self, certificate: &str) -> bool {
        let message = signature::message(
            &self.transmission_id,
            &self.transmission_time,
            &self.webhook_id,
            self.webhook_event.get().as_bytes(),
        );
        self.auth_algo == signature::ALGORITHM
            && self.cert_url == certificate
            && self.webhook_id == signature::WEBHOOK_ID
            && signature::is_genuine(&message, &self.transmission_sig)
    }
}
