//! Access tokens: who may request, and until when.

use super::ids::Ids;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const LIFETIME_SECONDS: i64 = 32_400;

/// The merchant's keys.
#[derive(Clone)]
pub struct Credentials {
    /// `PAYPAL_CLIENT_ID`.
    pub client_id: String,
    /// `PAYPAL_CLIENT_SECRET`.
    pub client_secret: String,
}

/// The tokens given since the start.
pub(super) struct Tokens {
    ids: Ids,
    valid_until: BTreeMap<String, Timestamp>,
}

/// Why a caller was not let in; the body is RFC 6749's, not the API's.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Denied {
    pub(super) status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl Denied {
    const fn new(status: StatusCode, error: &'static str, description: &'static str) -> Self {
        Self {
            status,
            error,
            description,
        }
    }

    pub(super) fn body(&self) -> Value {
        json!({ "error": self.error, "error_description": self.description })
    }
}

impl Tokens {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            valid_until: BTreeMap::new(),
        }
    }

    /// `POST /v1/oauth2/token`.
    pub(super) fn grant(
        &mut self,
        credentials: &Credentials,
        headers: &HeaderMap,
        form: &[u8],
        now: Timestamp,
    ) -> Result<Value, Denied> {
        if basic(headers).as_deref()
            != Some(&*format!(
                "{}:{}",
                credentials.client_id, credentials.client_secret
            ))
        {
            return Err(Denied::new(
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "Client Authentication failed",
            ));
        }
        let grant = url::form_urlencoded::parse(form).find(|(name, _)| name == "grant_type");
        match grant.as_ref().map(|(_, value)| value.as_ref()) {
            Some("client_credentials") => {}
            None => {
                return Err(Denied::new(
                    StatusCode::BAD_REQUEST,
                    "unsupported_grant_type",
                    "Grant Type is NULL",
                ));
            }
            Some(_) => {
                return Err(Denied::new(
                    StatusCode::BAD_REQUEST,
                    "unsupported_grant_type",
                    "unsupported grant_type",
                ));
            }
        }
        self.valid_until.retain(|_, until| *until > now);
        let token = self.ids.token();
        let until = now
            .checked_add(SignedDuration::from_secs(LIFETIME_SECONDS))
            .unwrap_or(Timestamp::MAX);
        self.valid_until.insert(token.clone(), until);
        Ok(json!({
            "scope": "https://uri.paypal.com/services/payments/payment/authcapture https://uri.paypal.com/services/payments/refund",
            "access_token": token,
            "token_type": "Bearer",
            "app_id": "APP-LOCAL",
            "expires_in": LIFETIME_SECONDS,
            "nonce": format!("{now:.0}{}", self.ids.resource()),
        }))
    }

    /// None without a bearer token at all.
    pub(super) fn check(&self, headers: &HeaderMap, now: Timestamp) -> Option<Result<(), Denied>> {
        let token = headers
            .get(header::AUTHORIZATION)?
            .to_str()
            .ok()?
            .strip_prefix("Bearer ")?;
        Some(match self.valid_until.get(token) {
            Some(until) if *until > now => Ok(()),
            _ => Err(Denied::new(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "Access Token not found in cache",
            )),
        })
    }
}

/// The name and secret of a Basic header, joined by their colon.
fn basic(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()
}
