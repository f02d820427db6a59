//! The OAuth access token, asked for once and kept while it lives.
//! <https://developer.paypal.com/api/rest/authentication/>

use super::{PayPal, PayPalError};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::sync::{Mutex, PoisonError};

/// A token is replaced this long before its end, so that it does not lapse on the way.
const MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// Holds the token of one PayPal app for one instance; the configuration, and so the mode, is fixed for its life.
#[derive(Default)]
pub struct TokenCache(Mutex<Option<Token>>);

struct Token {
    value: String,
    usable_until: Timestamp,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
}

impl TokenCache {
    /// The token, new when there is none that lasts.
    pub(super) async fn token(&self, paypal: &PayPal<'_>) -> Result<String, PayPalError> {
        if let Some(value) = self.kept(paypal.platform.now()) {
            return Ok(value);
        }
        let asked_at = paypal.platform.now();
        let answer = request_token(paypal).await?;
        let lifetime = SignedDuration::from_secs(answer.expires_in).saturating_sub(MARGIN);
        let token = Token {
            value: answer.access_token.clone(),
            usable_until: asked_at.checked_add(lifetime).unwrap_or(asked_at),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(answer.access_token)
    }

    /// Drops `value` if it is still the one kept: PayPal no longer takes it.
    pub(super) fn forget(&self, value: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|token| token.value == value) {
            *kept = None;
        }
    }

    fn kept(&self, now: Timestamp) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref()
            .filter(|token| now < token.usable_until)
            .map(|token| token.value.clone())
    }
}

async fn request_token(paypal: &PayPal<'_>) -> Result<TokenAnswer, PayPalError> {
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
    // Asking for a token moves nothing, so whatever goes wrong here, the call it was for was not sent.
    let answer = paypal
        .send(OPERATION, request)
        .await
        .map_err(|_| PayPalError::NotSent {
            operation: OPERATION,
        })?;
    match answer.status() {
        StatusCode::UNAUTHORIZED => Err(PayPalError::Unauthenticated {
            operation: OPERATION,
        }),
        StatusCode::TOO_MANY_REQUESTS => Err(super::error::refusal(OPERATION, &answer)),
        status if status.is_success() => {
            serde_json::from_slice(answer.body()).map_err(|_| PayPalError::NotSent {
                operation: OPERATION,
            })
        }
        _ => Err(PayPalError::NotSent {
            operation: OPERATION,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clients::paypal::CertificateCache,
        config::{PayPal as Config, PayPalMode},
        domain::secret::Secret,
        platform::{Deadline, Platform},
        scripted::Scripted,
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

    fn ask(platform: &Scripted, config: &Config, tokens: &TokenCache) {
        let deadline = Deadline::after(platform.now(), Duration::from_secs(10));
        let certificates = CertificateCache::default();
        let paypal = PayPal::new(platform, config, tokens, &certificates, deadline);
        paypal.get_order("O1").now_or_never().unwrap().unwrap();
    }

    #[test]
    fn a_token_is_replaced_before_its_end_and_after_a_401() {
        let token = |body| Ok((200, body));
        let platform = Scripted::new([
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

        ask(&platform, &config, &tokens);
        assert_eq!(platform.last_header("authorization"), "Bearer first");
        platform.advance(SignedDuration::from_secs(3600 - 121));
        ask(&platform, &config, &tokens);
        assert_eq!(platform.last_header("authorization"), "Bearer first");
        // Two minutes before its end it is no longer used.
        platform.advance(SignedDuration::from_secs(1));
        ask(&platform, &config, &tokens);
        assert_eq!(platform.last_header("authorization"), "Bearer second");
        ask(&platform, &config, &tokens);
        assert_eq!(platform.last_header("authorization"), "Bearer third");
        let asked = platform
            .paths()
            .iter()
            .filter(|path| *path == "/v1/oauth2/token")
            .count();
        assert_eq!(asked, 3);
    }
}
