//! Verification of a delivery by the merchant: the certificates, and PayPal's verification API.

use super::signature;
use crate::paypal::{
    behaviour::{Answer, Call},
    bodies::read_body,
    errors::RefusalKind,
    simulator::{Simulator, lock},
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

/// Needs no token.
async fn certificates(State(simulator): State<Simulator>, request: Request) -> Response {
    simulator.inner.requests.fetch_add(1, Ordering::Relaxed);
    let (head, _) = request.into_parts();
    let now = simulator.inner.clock.now();
    if let Some(answer) = simulator.refused(Call::Certificate, now) {
        simulator.record_exchange(&head, "certs.get", &[], &answer);
        return answer.into_response();
    }
    let answer = Answer::json(StatusCode::OK, Some(signature::CHAIN.into()));
    simulator.record_exchange(&head, "certs.get", &[], &answer);
    let headers = [(header::CONTENT_TYPE, "application/x-pem-file")];
    (headers, signature::CHAIN).into_response()
}

async fn verify(State(simulator): State<Simulator>, request: Request) -> Response {
    simulator.inner.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let Some(bytes) = read_body(body).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let now = simulator.inner.clock.now();
    let answer = simulator
        .refused(Call::VerifyWebhook, now)
        .unwrap_or_else(|| {
            let (status, response_body) = simulator.verify(&head, &bytes);
            Answer::json(status, Some(response_body))
        });
    simulator.record_exchange(&head, "verify-webhook-signature.post", &bytes, &answer);
    answer.into_response()
}

impl Simulator {
    fn verify(&self, head: &Parts, body: &[u8]) -> (StatusCode, Value) {
        let inner = &self.inner;
        let access = lock(&inner.tokens).check(&head.headers, inner.clock.now());
        match access {
            None => return self.refusal(RefusalKind::Unauthenticated, &[]),
            Some(Err(error)) => return (error.status, error.body()),
            Some(Ok(())) => {}
        }
        match VerificationRequest::read(body) {
            Ok(verification) => {
                let cert_url = self.links().address(signature::CERTIFICATE_PATH);
                let status = if verification.is_genuine(&cert_url) {
                    "SUCCESS"
                } else {
                    "FAILURE"
                };
                (StatusCode::OK, json!({ "verification_status": status }))
            }
            Err(details) => self.refusal(RefusalKind::Invalid, &details),
        }
    }

    /// Errors of the webhooks API have an older form: another name and message, and no links.
    fn refusal(&self, kind: RefusalKind, details: &[Value]) -> (StatusCode, Value) {
        let (name, message) = match kind {
            RefusalKind::Invalid => ("VALIDATION_ERROR", "Invalid request - see details"),
            other => (other.name(), other.message()),
        };
        let debug_id = lock(&self.inner.ledger).ids.next_debug_id();
        let body = json!({
            "name": name, "message": message, "debug_id": debug_id, "details": details, "links": [],
        });
        (kind.status(), body)
    }
}

/// A delivery's headers and event, to be verified.
struct VerificationRequest<'a> {
    auth_algo: String,
    cert_url: String,
    transmission_id: String,
    transmission_sig: String,
    transmission_time: String,
    webhook_id: String,
    /// The exact bytes in the request, because the signature covers them.
    webhook_event: &'a RawValue,
}

impl<'a> VerificationRequest<'a> {
    /// The error has the details of all invalid members.
    fn read(body: &'a [u8]) -> Result<Self, Vec<Value>> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body)
            .map_err(|_| vec![json!({ "location": "body", "issue": "MALFORMED_REQUEST_JSON" })])?;
        let mut details = Vec::new();
        let mut add_issue = |name: &str, issue: &str| {
            details
                .push(json!({ "field": format!("/{name}"), "location": "body", "issue": issue }));
        };
        let mut text = |name: &str, max_length: usize, is_allowed: fn(char) -> bool| {
            let Some(member) = members.get(name) else {
                add_issue(name, "MISSING_REQUIRED_PARAMETER");
                return String::new();
            };
            match serde_json::from_str::<String>(member.get()) {
                Ok(text) if text.is_empty() || text.chars().count() > max_length => {
                    add_issue(name, "INVALID_STRING_LENGTH");
                    String::new()
                }
                Ok(text) if text.chars().all(is_allowed) => text,
                _ => {
                    add_issue(name, "INVALID_PARAMETER_SYNTAX");
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
            None => add_issue("webhook_event", "MISSING_REQUIRED_PARAMETER"),
            Some(event) if !event.get().starts_with('{') => {
                add_issue("webhook_event", "INVALID_PARAMETER_SYNTAX");
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

    /// The signature alone is not enough: PayPal also compares the algorithm, the certificate and
    /// the webhook with its own.
    fn is_genuine(&self, cert_url: &str) -> bool {
        let message = signature::message(
            &self.transmission_id,
            &self.transmission_time,
            &self.webhook_id,
            self.webhook_event.get().as_bytes(),
        );
        self.auth_algo == signature::ALGORITHM
            && self.cert_url == cert_url
            && self.webhook_id == signature::WEBHOOK_ID
            && signature::is_genuine(&message, &self.transmission_sig)
    }
}
