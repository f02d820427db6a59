//! An HTTP client of the product, such as a browser or a cron.

use crate::world::{Upstream, World};
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Method, Request, Response, header};
use serde_json::Value;
use std::{pin::pin, sync::Arc, time::Duration};

/// Longer than any response of the product, except to crons.
const TIMEOUT: Duration = Duration::from_secs(90);
/// The most retries with faults, and without.
const MAX_RETRIES: (u32, u32) = (6, 15);

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) world: Arc<World>,
    address: String,
    timeout: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct ApiResponse {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) cache: Option<String>,
    /// In seconds.
    retry_after: Option<u64>,
}

#[derive(Clone)]
pub(crate) struct ApiRequest {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl ApiRequest {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    fn to_http(&self, address: &str) -> Request<Bytes> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{}{}", Upstream::Product.base_url(), self.path))
            .header("x-forwarded-for", address);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = match &self.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        request.body(body).unwrap()
    }
}

impl ApiResponse {
    fn read(response: &Response<Bytes>) -> Self {
        let text = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Self {
            status: response.status().as_u16(),
            body: serde_json::from_slice(response.body()).unwrap_or_default(),
            cache: text("x-cache"),
            retry_after: text("retry-after").map(|seconds| seconds.parse().unwrap()),
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The problem code, or an empty text.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A text member of the body.
    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member]
            .as_str()
            .unwrap_or_else(|| panic!("there is no {member} in {}", self.body))
            .to_owned()
    }
}

impl Client {
    pub(crate) fn new(world: &Arc<World>, address: String) -> Self {
        Self {
            world: Arc::clone(world),
            address,
            timeout: TIMEOUT,
        }
    }

    pub(crate) fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends once. Returns `None` after a failure or a timeout.
    pub(crate) async fn send(&self, request: &ApiRequest) -> Option<ApiResponse> {
        let response = pin!(self.world.send(request.to_http(&self.address)));
        let alarm = pin!(self.world.sleep(self.timeout));
        match select(response, alarm).await {
            Either::Left((response, _)) => response.ok().as_ref().map(ApiResponse::read),
            Either::Right(_) => None,
        }
    }

    /// Sends until the response is final. Returns `None` after the last retry.
    pub(crate) async fn send_with_retries(&self, request: &ApiRequest) -> Option<ApiResponse> {
        let (with_faults, without_faults) = MAX_RETRIES;
        let mut retries = 0;
        loop {
            let response = self.send(request).await;
            if let Some(response) = &response
                && (response.is_ok() || response.body["retryable"] != true)
            {
                return Some(response.clone());
            }
            retries += 1;
            if retries > with_faults && (!self.world.is_settling() || retries > without_faults) {
                return None;
            }
            let retry_after = response.and_then(|response| response.retry_after);
            let wait = self.random_below(20) + retry_after.unwrap_or(1);
            self.wait(Duration::from_secs(wait)).await;
        }
    }

    /// A random number from 0 to `end - 1`.
    pub(crate) fn random_below(&self, end: u64) -> u64 {
        self.world.state().random.below(end)
    }

    pub(crate) async fn wait(&self, duration: Duration) {
        self.world.sleep(duration).await;
    }

    /// The payer opens PayPal's page.
    pub(crate) async fn open(&self, approve_url: &str) {
        let request = Request::get(approve_url).body(Bytes::new()).unwrap();
        let _ = self.world.send(request).await;
    }

    /// The payer opens PayPal's page and approves the order. Returns `false` if PayPal refuses.
    pub(crate) async fn approve(&self, approve_url: &str) -> bool {
        for method in [Method::GET, Method::POST] {
            let request = Request::builder()
                .method(method)
                .uri(approve_url)
                .body(Bytes::new())
                .unwrap();
            let response = self.world.send(request).await;
            let is_accepted = response.is_ok_and(|response| {
                response.status().is_success() || response.status().is_redirection()
            });
            if !is_accepted {
                return false;
            }
        }
        true
    }
}
