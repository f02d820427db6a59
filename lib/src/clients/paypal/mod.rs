//! The client of PayPal: Orders v2, Payments v2 and webhooks.
//!
//! Each call that moves money carries a `PayPal-Request-Id`, which the caller has stored before. A
//! second call with the same id returns the latest state of the first and moves no money.
//! <https://developer.paypal.com/api/rest/reference/idempotency/>

mod authorizations;
mod disputes;
mod error;
mod events;
mod orders;
mod token;
mod webhooks;

pub(crate) use disputes::Dispute;
pub(crate) use error::{Issue, PayPalError};
pub(crate) use events::{Event, EventKind};
pub(crate) use orders::{NewOrder, OrderLinks};
pub(crate) use token::TokenCache;
pub(crate) use webhooks::{Authenticity, CertificateCache, Delivery};

use crate::{
    clients::json,
    config::PayPal as Config,
    platform::{Deadline, Platform, TransportError, send_within},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::time::Duration;

/// PayPal answers most calls within two seconds. A long timeout avoids unknown results of calls
/// that move money.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The client of PayPal for one request.
#[derive(Clone, Copy)]
pub(crate) struct PayPal<'a> {
    platform: &'a dyn Platform,
    config: &'a Config,
    tokens: &'a TokenCache,
    certificates: &'a CertificateCache,
    deadline: Deadline,
}

/// The members of a response that `Prefer: return=minimal` leaves, without the links.
#[derive(Deserialize)]
struct MinimalBody {
    id: String,
    status: String,
}

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
            ..Self::post_without_id(operation, path, body)?
        })
    }

    /// A POST that changes nothing, so a retry needs no id.
    fn post_without_id(
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
    /// A client whose calls end by `deadline`.
    #[must_use]
    pub(crate) fn new(
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

    /// Makes a call and decodes the response.
    async fn call<R: DeserializeOwned>(&self, call: Call<'_>) -> Result<R, PayPalError> {
        let operation = call.operation;
        let response = self.exchange(call).await?;
        // PayPal has acted, but the result of its action is unknown.
        json::from_slice(response.body()).map_err(|_| PayPalError::Unknown { operation })
    }

    /// Makes a call that writes a resource, and decodes the response. If that has only an id and a
    /// status, whatever was preferred, the resource at `path_of` the id is fetched.
    async fn write<R: DeserializeOwned>(
        &self,
        call: Call<'_>,
        get: &'static str,
        path_of: impl FnOnce(&str) -> String,
    ) -> Result<R, PayPalError> {
        let operation = call.operation;
        let response = self.exchange(call).await?;
        if let Ok(body) = json::from_slice(response.body()) {
            return Ok(body);
        }
        let unknown = PayPalError::Unknown { operation };
        let minimal = json::from_slice::<MinimalBody>(response.body());
        let Some(body) = minimal.ok().filter(|body| !body.status.is_empty()) else {
            return Err(unknown);
        };
        let fetched = self.call(Call::get(get, path_of(&body.id))).await;
        // PayPal has acted, whatever this answer means.
        fetched.map_err(|_| unknown)
    }

    /// Makes a call. Any 2xx status is a success. A 401 has moved no money, so the call is retried
    /// once with a new token.
    async fn exchange(&self, call: Call<'_>) -> Result<Response<Bytes>, PayPalError> {
        let token = self.tokens.token(self).await?;
        let mut response = self
            .send(call.operation, self.request(&call, &token)?)
            .await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.tokens.remove(&token);
            let token = self.tokens.token(self).await?;
            response = self
                .send(call.operation, self.request(&call, &token)?)
                .await?;
        }
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(error::refusal(
                call.operation,
                &response,
                self.platform.now(),
            ))
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
            // The default representation lacks amounts and ids that the product compares.
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

#[cfg(test)]
mod tests;
