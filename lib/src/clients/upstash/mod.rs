//! Redis over Upstash's REST API: one HTTP request carries a pipeline of commands.
//! <https://upstash.com/docs/redis/features/restapi>
//!
//! A pipeline is not atomic, and each command is billed. Redis is an optimization: after any error
//! the caller continues without it. A visitor's request waits at most `REDIS_TIMEOUT_MS`, and a
//! breaker makes an outage cost that time only once. Operators' requests and work after the
//! response use [`Upstash::background`].

mod admit;
mod breaker;
mod command;
mod lease;
mod script;
mod value;

pub use admit::ADMIT;
pub(crate) use admit::{
    AdmitReply, AdmitRequest, AdmitStep, GENERATION_SECONDS, LimitCounters, StoredEntry,
};
pub use command::Command;
pub(crate) use lease::Lease;
pub use script::{DELETE_IF_EQUAL, Script};
pub use value::Value;

use crate::{
    clients::redaction::without_values,
    domain::secret::Secret,
    platform::{Platform, TransportError},
};
use breaker::Breaker;
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use std::{
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use value::Item;

/// The timeout of operators' requests and of work after the response.
const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(2);

/// The party that waits for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiter {
    /// A visitor, who does not wait while the breaker is open.
    Visitor,
    /// An operator or nobody. The breaker protects visitors alone: a slow large reply says nothing
    /// about small ones. So these requests ignore the breaker and leave it unchanged.
    Background,
}

/// Upstash's position in replication. An instance that echoes it reads its own writes.
/// <https://upstash.com/docs/redis/howto/readyourwrites>
const SYNC_TOKEN: HeaderName = HeaderName::from_static("upstash-sync-token");

/// A failed request to Redis. Only operators see it.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    #[error("the breaker is open after a failure of Redis")]
    BreakerOpen,
    /// No reply arrived in time.
    #[error("Redis did not reply")]
    NotReached(#[from] TransportError),
    /// For example for a wrong token or an exhausted quota.
    #[error("Redis refused the request with {0}")]
    Refused(StatusCode),
    #[error("a command failed: {}", without_values(.0))]
    Command(String),
    #[error("the reply could not be decoded")]
    Undecodable,
}

impl RedisError {
    /// Whether Redis certainly ran no command, so that a retry runs none twice.
    ///
    /// Upstash returns a 4xx status before it runs a command. A server or a gateway may return a
    /// 5xx status after that. When one command of a pipeline fails, the others have still run.
    #[must_use]
    pub(crate) fn has_changed_nothing(&self) -> bool {
        match self {
            Self::BreakerOpen | Self::NotReached(TransportError::NotSent) => true,
            Self::Refused(status) => status.is_client_error(),
            Self::NotReached(_) | Self::Command(_) | Self::Undecodable => false,
        }
    }
}

/// The state that an instance keeps about its Redis between requests.
#[derive(Debug, Default)]
pub struct RedisState {
    breaker: Breaker,
    sync_token: Mutex<Option<HeaderValue>>,
}

/// The client of Redis for one request.
#[derive(Clone, Copy)]
pub struct Upstash<'a> {
    platform: &'a dyn Platform,
    state: &'a RedisState,
    url: &'a str,
    token: &'a Secret,
    /// For a visitor.
    timeout: Duration,
    waiter: Waiter,
}

impl<'a> Upstash<'a> {
    /// The client of the Redis at `url`, an address without a slash at the end. A visitor waits for
    /// `timeout`.
    #[must_use]
    pub fn new(
        platform: &'a dyn Platform,
        state: &'a RedisState,
        url: &'a str,
        token: &'a Secret,
        timeout: Duration,
    ) -> Self {
        Self {
            platform,
            state,
            url,
            token,
            timeout,
            waiter: Waiter::Visitor,
        }
    }

    /// The client for requests that no visitor waits for. They have two seconds, go out while the
    /// breaker is open, and leave it unchanged.
    #[must_use]
    pub fn background(self) -> Self {
        Self {
            waiter: Waiter::Background,
            ..self
        }
    }

    /// Sends `commands` in one request and returns their values in order.
    ///
    /// When one command fails, the pipeline fails: no caller has a command that may fail alone. A
    /// script that is unknown to the server runs after all other commands, so these must not depend
    /// on it.
    pub async fn pipeline(&self, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
        self.guarded(self.run("pipeline", commands)).await
    }

    /// Sends `commands` in one request. Redis runs all of them or none.
    pub async fn transaction(&self, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
        self.guarded(self.run("multi-exec", commands)).await
    }

    async fn guarded<T>(
        &self,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        if self.waiter == Waiter::Background {
            return self.within(BACKGROUND_TIMEOUT, work).await;
        }
        let breaker = &self.state.breaker;
        let attempt = breaker
            .attempt(self.platform.now().as_millisecond())
            .ok_or(RedisError::BreakerOpen)?;
        let result = self.within(self.timeout, work).await;
        if result.is_ok() {
            breaker.succeeded(&attempt);
        } else {
            breaker.failed(&attempt, self.platform.now().as_millisecond());
        }
        result
    }

    /// Bounds the whole `work`, which includes a second round trip for unknown scripts.
    async fn within<T>(
        &self,
        timeout: Duration,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let alarm = pin!(self.platform.sleep(timeout));
        match select(pin!(work), alarm).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(TransportError::Unknown.into()),
        }
    }

    /// Sends `commands`, then sends unknown scripts again with their source. Redis forgets scripts
    /// when it restarts.
    async fn run(&self, endpoint: &str, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
        let mut items = self.exchange(endpoint, commands).await?;
        let unknown: Vec<usize> = (0..items.len())
            .filter(|at| items.get(*at).is_some_and(Item::is_unknown_script))
            .collect();
        if !unknown.is_empty() {
            let sources: Vec<Command> = unknown
                .iter()
                .filter_map(|at| commands.get(*at)?.with_source())
                .collect();
            let replies = self.exchange(endpoint, &sources).await?;
            for (at, reply) in unknown.into_iter().zip(replies) {
                if let Some(item) = items.get_mut(at) {
                    *item = reply;
                }
            }
        }
        items
            .into_iter()
            .map(|item| item.into_result().map_err(RedisError::Command))
            .collect()
    }

    async fn exchange(
        &self,
        endpoint: &str,
        commands: &[Command],
    ) -> Result<Vec<Item>, RedisError> {
        let request = self.request(endpoint, commands)?;
        let response = self.platform.send(request).await?;
        self.store_sync_token(response.headers());
        if !response.status().is_success() {
            return Err(RedisError::Refused(response.status()));
        }
        // The reply to a discarded transaction is one error instead of an item for each command.
        if response.body().starts_with(b"{") {
            let item: Item =
                serde_json::from_slice(response.body()).map_err(|_| RedisError::Undecodable)?;
            return Err(RedisError::Command(
                item.into_result().err().unwrap_or_default(),
            ));
        }
        let items: Vec<Item> =
            serde_json::from_slice(response.body()).map_err(|_| RedisError::Undecodable)?;
        if items.len() == commands.len() {
            Ok(items)
        } else {
            Err(RedisError::Undecodable)
        }
    }

    fn request(&self, endpoint: &str, commands: &[Command]) -> Result<Request<Bytes>, RedisError> {
        let body = serde_json::to_vec(commands).map_err(|_| RedisError::Undecodable)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", self.token.expose()))
            .map_err(|_| RedisError::Undecodable)?;
        authorization.set_sensitive(true);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/{endpoint}", self.url))
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .map_err(|_| RedisError::Undecodable)?;
        let sync_token = self.state.sync_token.lock();
        if let Some(token) = sync_token.unwrap_or_else(PoisonError::into_inner).clone() {
            request.headers_mut().insert(SYNC_TOKEN, token);
        }
        Ok(request)
    }

    fn store_sync_token(&self, headers: &HeaderMap) {
        if let Some(token) = headers.get(SYNC_TOKEN) {
            let mut sync_token = self
                .state
                .sync_token
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *sync_token = Some(token.clone());
        }
    }
}

#[cfg(test)]
mod tests;
