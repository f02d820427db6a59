//! Access tokens of the merchant.

use super::{ids::Ids, times::saturating_add};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const LIFETIME_SECONDS: i64 = 32_400;

const CLIENT_REFUSED: OAuthError = OAuthError::new(
    StatusCode::UNAUTHORIZED,
    "invalid_client",
    "Client Authentication failed",
);
const TOKEN_REFUSED: OAuthError = OAuthError::new(
    StatusCode::UNAUTHORIZED,
    "invalid_token",
    "Access Token not found in cache",
);

/// The merchant's client id and secret.
#[derive(Clone)]
pub struct Credentials {
    /// `PAYPAL_CLIENT_ID`.
    pub client_id: String,
    /// `PAYPAL_CLIENT_SECRET`.
    pub client_secret: String,
}

/// The tokens granted since the start.
pub(super) struct Tokens {
    ids: Ids,
    /// Expiries by token.
    expiries: BTreeMap<String, Timestamp>,
}

/// The refusal of a client's credentials or token. The body follows RFC 6749, unlike the API's
/// other errors.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct OAuthError {
    pub(super) status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl OAuthError {
    const fn new(status: StatusCode, error: &'static str, description: &'static str) -> Self {
        Self {
            status,
            error,
            description,
        }
    }

    /// The refusal of revoked credentials, or of a token that was granted for them.
    pub(super) const fn revoked(is_token_request: bool) -> Self {
        if is_token_request {
            CLIENT_REFUSED
        } else {
            TOKEN_REFUSED
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
            expiries: BTreeMap::new(),
        }
    }

    /// `POST /v1/oauth2/token`.
    pub(super) fn grant(
        &mut self,
        credentials: &Credentials,
        headers: &HeaderMap,
        form: &[u8],
        now: Timestamp,
    ) -> Result<Value, OAuthError> {
        if basic_credentials(headers).as_deref()
            != Some(&*format!(
                "{}:{}",
                credentials.client_id, credentials.client_secret
            ))
        {
            return Err(CLIENT_REFUSED);
        }
        let grant_type = url::form_urlencoded::parse(form).find(|(name, _)| name == "grant_type");
        match grant_type.as_ref().map(|(_, value)| value.as_ref()) {
            Some("client_credentials") => {}
            None => {
                return Err(OAuthError::new(
                    StatusCode::BAD_REQUEST,
                    "unsupported_grant_type",
                    "Grant Type is NULL",
                ));
            }
            Some(_) => {
                return Err(OAuthError::new(
                    StatusCode::BAD_REQUEST,
                    "unsupported_grant_type",
                    "unsupported grant_type",
                ));
            }
        }
        self.expiries.retain(|_, expiry| *expiry > now);
        let token = self.ids.next_token();
        let expiry = saturating_add(now, SignedDuration::from_secs(LIFETIME_SECONDS));
        self.expiries.insert(token.clone(), expiry);
        Ok(json!({
            "scope": "https://uri.paypal.com/services/payments/payment/authcapture https://uri.paypal.com/services/payments/refund",
            "access_token": token,
            "token_type": "Bearer",
            "app_id": "APP-LOCAL",
            "expires_in": LIFETIME_SECONDS,
            "nonce": format!("{now:.0}{}", self.ids.next_resource_id()),
        }))
    }

    /// None for a request without a bearer token.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Option<Result<(), OAuthError>> {
        let token = headers
            .get(header::AUTHORIZATION)?
            .to_str()
            .ok()?
            .strip_prefix("Bearer ")?;
        Some(match self.expiries.get(token) {
            Some(expiry) if *expiry > now => Ok(()),
            _ => Err(TOKEN_REFUSED),
        })
    }
}

/// The decoded `id:secret` of a Basic header.
fn basic_credentials(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()
}
