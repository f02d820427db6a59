//! PayPal's Orders v2, Payments v2 and webhooks.
//!
//! Each call that moves money carries a `PayPal-Request-Id` that the caller has stored before: the same id gives the
//! latest status of the earlier request instead of a second one.
//! <https://developer.paypal.com/api/rest/reference/idempotency/>

mod authorizations;
mod error;
mod events;
mod orders;
mod token;
mod webhooks;

pub use authorizations::Refund;
pub use error::{Issue, PayPalError};
pub use events::{Event, EventKind};
pub use orders::{NewOrder, OrderLinks};
pub use token::TokenCache;
pub use webhooks::{CertificateCache, Delivery};

use crate::{
    config::PayPal as Config,
    platform::{Deadline, Platform, TransportError, send_within},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// PayPal answers most calls within two seconds; a call that moves money is given time rather than a doubt.
const TIMEOUT: Duration = Duration::from_secs(20);

/// PayPal as one request sees it.
#[derive(Clone, Copy)]
pub struct PayPal<'a> {
    platform: &'a dyn Platform,
    config: &'a Config,
    tokens: &'a TokenCache,
    certificates: &'a CertificateCache,
    deadline: Deadline,
}

/// One call: what is common to all of them is in [`PayPal::call`].
struct Call<'c> {
    operation: &'static str,
    method: Method,
    path: String,
    request_id: Option<&'c str>,
    body: Bytes,
}

impl<'c> Call<'c> {
    fn get(operation: &'static str, path: String) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            request_id: None,
            body: Bytes::new(),
        }
    }

    fn post(
        operation: &'static str,
        path: String,
        request_id: &'c str,
        body: &impl Serialize,
    ) -> Result<Self, PayPalError> {
        Ok(Self {
            request_id: Some(request_id),
            ..Self::question(operation, path, body)?
        })
    }

    /// A POST that changes nothing, so that it may be repeated without an id.
    fn question(
        operation: &'static str,
        path: String,
        body: &impl Serialize,
    ) -> Result<Self, PayPalError> {
        let body = serde_json::to_vec(body).map_err(|_| PayPalError::Unbuildable { operation })?;
        Ok(Self {
            operation,
            method: Method::POST,
            path,
            request_id: None,
            body: Bytes::from(body),
        })
    }
}

impl<'a> PayPal<'a> {
    /// A PayPal whose calls end by `deadline`.
    #[must_use]
    pub fn new(
        platform: &'a dyn Platform,
        config: &'a Config,
        tokens: &'a TokenCache,
        certificates: &'a CertificateCache,
        deadline: Deadline,
    ) -> Self {
        Self {
            platform,
            config,
            tokens,
            certificates,
            deadline,
        }
    }

    /// Makes a call and reads the answer.
    async fn call<R: DeserializeOwned>(&self, call: Call<'_>) -> Result<R, PayPalError> {
        let operation = call.operation;
        let answer = self.exchange(call).await?;
        // It was a success: an answer that cannot be read leaves open what happened, not whether.
        serde_json::from_slice(answer.body()).map_err(|_| PayPalError::Unknown { operation })
    }

    /// Makes a call; any 2xx is a success. A token that PayPal no longer takes is replaced once: a 401 has moved nothing.
    async fn exchange(&self, call: Call<'_>) -> Result<Response<Bytes>, PayPalError> {
        let token = self.tokens.token(self).await?;
        let mut answer = self
            .send(call.operation, self.request(&call, &token)?)
            .await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.tokens.forget(&token);
            let token = self.tokens.token(self).await?;
            answer = self
                .send(call.operation, self.request(&call, &token)?)
                .await?;
        }
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(error::refusal(call.operation, &answer))
        }
    }

    fn request(&self, call: &Call<'_>, token: &str) -> Result<Request<Bytes>, PayPalError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.config.base_url, call.path))
            .header(header::AUTHORIZATION, bearer(token)?)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(id) = call.request_id {
            // The default, a minimal representation, leaves out amounts and ids that we compare.
            request = request
                .header("paypal-request-id", id)
                .header("prefer", "return=representation");
        }
        request
            .body(call.body.clone())
            .map_err(|_| PayPalError::Unbuildable {
                operation: call.operation,
            })
    }

    async fn send(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, PayPalError> {
        let timeout = self.deadline.allow(self.platform.now(), TIMEOUT);
        send_within(self.platform, request, timeout)
            .await
            .map_err(|error| match error {
                TransportError::NotSent => PayPalError::NotSent { operation },
                TransportError::Unknown | TransportError::TooLarge => {
                    PayPalError::Unknown { operation }
                }
            })
    }
}

fn bearer(token: &str) -> Result<HeaderValue, PayPalError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| PayPalError::Unbuildable { operation: "token" })?;
    value.set_sensitive(true);
    Ok(value)
}
