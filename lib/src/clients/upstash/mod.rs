//! Redis over Upstash's REST API: commands in a pipeline, one HTTP request for all of them.
//!
//! A pipeline is not atomic and each command is billed. Redis is an optimisation here: every error
//! of this client is answered by going on without it, after at most 150 ms, and with a breaker so
//! that an outage costs that once. What an operator waits for, and what others rely on after the
//! answer, is asked with [`Upstash::background`]. <https://upstash.com/docs/redis/features/restapi>

mod admit;
mod breaker;
mod command;
mod lease;
mod script;
mod value;

pub(crate) use admit::GENERATION_SECONDS;
pub use admit::{
    ADMIT, AdmitReply, AdmitRequest, AdmitStep, LimitCounters, StoredEntry, WindowCounts,
};
pub use breaker::Breaker;
pub use command::Command;
pub use lease::Lease;
pub use script::{DELETE_IF_EQUAL, Script};
pub use value::Value;

use crate::{
    domain::secret::Secret,
    platform::{Platform, TransportError},
};
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use std::{
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use value::Item;

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// A visitor: not for long, and not at all while the breaker is open.
    Visitor,
    /// An operator, or nobody. The breaker is neither asked nor told, which is there for visitors:
    /// a large answer that takes its time says nothing about the small ones, nor does it end a
    /// pause that they need.
    Background,
}

impl Patience {
    /// How long one request may take, scripts that must be sent again included.
    const fn timeout(self) -> Duration {
        match self {
            Self::Visitor => Duration::from_millis(150),
            Self::Background => Duration::from_secs(2),
        }
    }
}

/// Upstash's mark of how far its replicas are. Echoing it lets an instance read what it wrote.
/// <https://upstash.com/docs/redis/howto/readyourwrites>
const SYNC_TOKEN: HeaderName = HeaderName::from_static("upstash-sync-token");

/// Why Redis gave no answer. Nothing here reaches a client.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// It failed a moment ago and is left alone.
    #[error("Redis is left alone after a failure")]
    BreakerOpen,
    /// No answer came in time.
    #[error("Redis was not reached")]
    NotReached(#[from] TransportError),
    /// Upstash refused the request: a bad token, a used-up quota.
    #[error("Redis refused with {0}")]
    Refused(StatusCode),
    /// One command failed.
    #[error("a command failed: {0}")]
    Command(String),
    /// The answer makes no sense.
    #[error("the answer could not be read")]
    Undecodable,
}

impl RedisError {
    /// Whether Redis surely did nothing of what it was asked, so that asking again does nothing
    /// twice.
    ///
    /// A refusal that blames the request comes before any command is run; an error of the server or
    /// of a gateway before it may come after. When one command of a pipeline failed, those beside
    /// it were run all the same.
    #[must_use]
    pub fn has_changed_nothing(&self) -> bool {
        match self {
            Self::BreakerOpen | Self::NotReached(TransportError::NotSent) => true,
            Self::Refused(status) => status.is_client_error(),
            Self::NotReached(_) | Self::Command(_) | Self::Undecodable => false,
        }
    }
}

/// What an instance remembers of its Redis between requests.
#[derive(Debug, Default)]
pub struct Memory {
    breaker: Breaker,
    sync_token: Mutex<Option<HeaderValue>>,
}

/// Redis as one request sees it.
#[derive(Clone, Copy)]
pub struct Upstash<'a> {
    platform: &'a dyn Platform,
    memory: &'a Memory,
    url: &'a str,
    token: &'a Secret,
    patience: Patience,
}

impl<'a> Upstash<'a> {
    /// The Redis at `url`, an address without a slash at the end.
    #[must_use]
    pub fn new(
        platform: &'a dyn Platform,
        memory: &'a Memory,
        url: &'a str,
        token: &'a Secret,
    ) -> Self {
        Self {
            platform,
            memory,
            url,
            token,
            patience: Patience::Visitor,
        }
    }

    /// The same for what no visitor waits for: each request may take two seconds, is sent also
    /// while visitors leave Redis alone, and what becomes of it is nothing to them.
    #[must_use]
    pub fn background(self) -> Self {
        Self {
            patience: Patience::Background,
            ..self
        }
    }

    /// Sends `commands` in one request and gives one value for each, in order.
    ///
    /// A failure of any command is a failure of the whole: our pipelines have no command that may
    /// fail alone. A script that the server has forgotten runs after all the others, so what stands
    /// beside a script must not depend on it.
    pub async fn pipeline(&self, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
        self.guarded(self.run("pipeline", commands)).await
    }

    /// Sends `commands` in one request, of which all are done or none.
    pub async fn transaction(&self, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
        self.guarded(self.run("multi-exec", commands)).await
    }

    async fn guarded<T>(
        &self,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        if self.patience == Patience::Background {
            return self.in_time(work).await;
        }
        let breaker = &self.memory.breaker;
        let attempt = breaker
            .attempt(self.platform.now().as_millisecond())
            .ok_or(RedisError::BreakerOpen)?;
        let result = self.in_time(work).await;
        if result.is_ok() {
            breaker.succeeded(&attempt);
        } else {
            breaker.failed(&attempt, self.platform.now().as_millisecond());
        }
        result
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let alarm = pin!(self.platform.sleep(self.patience.timeout()));
        match select(pin!(work), alarm).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(TransportError::Unknown.into()),
        }
    }

    /// Scripts that the server does not know, as after its restart, are sent again with their
    /// source.
    async fn run(&self, endpoint: &str, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
        let mut items = self.exchange(endpoint, commands).await?;
        let unknown: Vec<usize> = (0..items.len())
            .filter(|at| items.get(*at).is_some_and(Item::is_unknown_script))
            .collect();
        if !unknown.is_empty() {
            let again: Vec<Command> = unknown
                .iter()
                .filter_map(|at| commands.get(*at)?.with_source())
                .collect();
            let answers = self.exchange(endpoint, &again).await?;
            for (at, answer) in unknown.into_iter().zip(answers) {
                if let Some(item) = items.get_mut(at) {
                    *item = answer;
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
        let answer = self.platform.send(request).await?;
        self.remember(answer.headers());
        if !answer.status().is_success() {
            return Err(RedisError::Refused(answer.status()));
        }
        // A transaction that was discarded answers with one error instead of one item each.
        if answer.body().starts_with(b"{") {
            let item: Item =
                serde_json::from_slice(answer.body()).map_err(|_| RedisError::Undecodable)?;
            return Err(RedisError::Command(
                item.into_result().err().unwrap_or_default(),
            ));
        }
        let items: Vec<Item> =
            serde_json::from_slice(answer.body()).map_err(|_| RedisError::Undecodable)?;
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
        let known = self.memory.sync_token.lock();
        if let Some(token) = known.unwrap_or_else(PoisonError::into_inner).clone() {
            request.headers_mut().insert(SYNC_TOKEN, token);
        }
        Ok(request)
    }

    fn remember(&self, headers: &HeaderMap) {
        if let Some(token) = headers.get(SYNC_TOKEN) {
            let mut known = self
                .memory
                .sync_token
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *known = Some(token.clone());
        }
    }
}

#[cfg(test)]
mod tests;
