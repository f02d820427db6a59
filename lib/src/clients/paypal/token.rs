//! The OAuth access token, cached until shortly before its expiry.
//! <https://developer.paypal.com/api/rest/authentication/>

use super::{PayPal, PayPalError};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::IgnoredAny};
use std::sync::{Mutex, PoisonError};

/// The time before its expiry at which a token is replaced. A request with it may be on its way.
const MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// The token of one PayPal app on one instance, whose configuration never changes.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<Option<Token>>);

struct Token {
    value: String,
    usable_until: Timestamp,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: i64,
}

impl TokenCache {
    /// The cached token, otherwise a new one.
    pub(super) async fn token(&self, paypal: &PayPal<'_>) -> Result<String, PayPalError> {
        if let Some(value) = self.cached(paypal.platform.now()) {
            return Ok(value);
        }
        let requested_at = paypal.platform.now();
        let response = request_token(paypal).await?;
        let lifetime = SignedDuration::from_secs(response.expires_in).saturating_sub(MARGIN);
        let token = Token {
            value: response.access_token.clone(),
            usable_until: requested_at.checked_add(lifetime).unwrap_or(requested_at),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(response.access_token)
    }

    /// Removes the token `value`, which PayPal has refused, unless a new one has replaced it.
    pub(super) fn remove(&self, value: &str) {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.as_ref().is_some_and(|token| token.value == value) {
            *cached = None;
        }
    }

    fn cached(&self, now: Timestamp) -> Option<String> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached
            .as_ref()
            .filter(|token| now < token.usable_until)
            .map(|token| token.value.clone())
    }
}

async fn request_token(paypal: &PayPal<'_>) -> Result<TokenResponse, PayPalError> {
    const OPERATION: &str = "token";
    let config = paypal.config;
    let pair = format!("{}:{}", config.client_id, config.client_secret.expose());
    let mut basic = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
        .map_err(|_| PayPalError::Unbuildable {
            operation: OPERATION,
        })?;
    basic.set_sensitive(true);
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{}/v1/oauth2/token", config.base_url))
        .header(header::AUTHORIZATION, basic)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from_static(b"grant_type=client_credentials"))
        .map_err(|_| PayPalError::Unbuildable {
            operation: OPERATION,
        })?;
    // A request for a token moves no money, and the call that needs it has not been sent.
    let response = paypal
        .send(OPERATION, request)
        .await
        .map_err(|_| PayPalError::NotSent {
            operation: OPERATION,
        })?;
    match response.status() {
        StatusCode::UNAUTHORIZED => Err(PayPalError::Unauthenticated {
            operation: OPERATION,
        }),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if is_json(response.body()) => {
            Err(PayPalError::Unauthenticated {
                operation: OPERATION,
            })
        }
        StatusCode::TOO_MANY_REQUESTS => Err(super::error::refusal(
            OPERATION,
            &response,
            paypal.platform.now(),
        )),
        status if status.is_success() => {
            serde_json::from_slice(response.body()).map_err(|_| PayPalError::NotSent {
                operation: OPERATION,
            })
        }
        _ => Err(PayPalError::NotSent {
            operation: OPERATION,
        }),
    }
}

/// Whether PayPal itself answered. A gateway's page says nothing about the credentials.
fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clients::paypal::CertificateCache,
        config::{PayPal as Config, PayPalMode},
        domain::secret::Secret,
        platform::{Deadline, Platform},
        scripted::ScriptedPlatform,
    };
    use futures_util::FutureExt;
    use std::time::Duration;

    const ORDER: &str = r#"{"id":"O1","status":"CREATED"}"#;

    fn config() -> Config {
        Config {
            base_url: "http://paypal.test".into(),
            mode: PayPalMode::Sandbox,
            client_id: "id".into(),
            client_secret: Secret::new("secret".into()),
            webhook: None,
        }
    }

    fn call(platform: &ScriptedPlatform, config: &Config, tokens: &TokenCache) {
        let deadline = Deadline::after(platform.now(), Duration::from_secs(10));
        let certificates = CertificateCache::default();
        let paypal = PayPal::new(platform, config, tokens, &certificates, deadline);
        paypal.get_order("O1").now_or_never().unwrap().unwrap();
    }

    #[test]
    fn token_is_replaced_before_expiry_and_after_401() {
        let token = |body| Ok((200, body));
        let platform = ScriptedPlatform::new([
            token(r#"{"access_token":"first","expires_in":3600}"#),
            Ok((200, ORDER)),
            Ok((200, ORDER)),
            token(r#"{"access_token":"second","expires_in":3600}"#),
            Ok((200, ORDER)),
            Ok((401, r#"{"error":"invalid_token"}"#)),
            token(r#"{"access_token":"third","expires_in":3600}"#),
            Ok((200, ORDER)),
        ]);
        let (config, tokens) = (config(), TokenCache::default());

        call(&platform, &config, &tokens);
        assert_eq!(platform.last_header("authorization"), "Bearer first");
        platform.advance(SignedDuration::from_secs(3600 - 121));
        call(&platform, &config, &tokens);
        assert_eq!(platform.last_header("authorization"), "Bearer first");
        // Two minutes before the expiry.
        platform.advance(SignedDuration::from_secs(1));
        call(&platform, &config, &tokens);
        assert_eq!(platform.last_header("authorization"), "Bearer second");
        call(&platform, &config, &tokens);
        assert_eq!(platform.last_header("authorization"), "Bearer third");
        let token_requests = platform
            .paths()
            .iter()
            .filter(|path| *path == "/v1/oauth2/token")
            .count();
        assert_eq!(token_requests, 3);
    }
}
