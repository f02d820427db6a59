//! Redis over Upstash's REST API: commands in a pipeline, one HTTP request for all of them.
//!
//! A pipeline is not atomic and each command is billed. Redis is an optimisation here: every error of this client is
//! answered by going on without it, after at most 150 ms, and with a breaker so that an outage costs that once.
//! <https://upstash.com/docs/redis/features/restapi>

use crate::{
    domain::secret::Secret,
    platform::{Platform, TransportError, send_within},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// How long one pipeline may take.
const TIMEOUT: Duration = Duration::from_millis(150);
/// How long Redis is left alone after it failed.
const BREAK: i64 = 5_000;

/// One Redis command: its name and arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Command(Vec<Cow<'static, str>>);

impl Command {
    fn new(name: &'static str) -> Self {
        Self(vec![Cow::Borrowed(name)])
    }

    fn arg(mut self, argument: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(argument.into());
        self
    }

    /// `PING`.
    #[must_use]
    pub fn ping() -> Self {
        Self::new("PING")
    }

    /// `INCR key`.
    #[must_use]
    pub fn incr(key: String) -> Self {
        Self::new("INCR").arg(key)
    }

    /// `DECR key`.
    #[must_use]
    pub fn decr(key: String) -> Self {
        Self::new("DECR").arg(key)
    }

    /// `EXPIRE key seconds NX`: the first one counts, so that a busy counter still ends.
    #[must_use]
    pub fn expire_once(key: String, seconds: u64) -> Self {
        Self::new("EXPIRE")
            .arg(key)
            .arg(seconds.to_string())
            .arg("NX")
    }

    /// `MGET key…`.
    #[must_use]
    pub fn mget(keys: impl IntoIterator<Item = String>) -> Self {
        keys.into_iter().fold(Self::new("MGET"), Self::arg)
    }

    /// `SET key value EX seconds`.
    #[must_use]
    pub fn set(key: String, value: String, seconds: u64) -> Self {
        Self::new("SET")
            .arg(key)
            .arg(value)
            .arg("EX")
            .arg(seconds.to_string())
    }

    /// `SET key value NX PX millis`: `OK` for the one who was first.
    #[must_use]
    pub fn set_if_absent(key: String, value: String, millis: u64) -> Self {
        Self::new("SET")
            .arg(key)
            .arg(value)
            .arg("NX")
            .arg("PX")
            .arg(millis.to_string())
    }

    /// Deletes `key` if it still holds `value`, in one step.
    #[must_use]
    pub fn delete_if_equal(key: String, value: String) -> Self {
        Self::new("EVAL")
            .arg("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")
            .arg("1")
            .arg(key)
            .arg(value)
    }
}

/// What one command gave.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// No value.
    Nil,
    /// A number.
    Integer(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, also when Redis gives it as text, as `GET` does; `None` for anything else.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Nil | Self::List(_) => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Error { error: String },
    Result { result: Value },
}

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

/// Remembers across requests that Redis failed.
#[derive(Debug, Default)]
pub struct Breaker {
    closed_from: AtomicI64,
}

impl Breaker {
    fn is_open(&self, now_millis: i64) -> bool {
        now_millis < self.closed_from.load(Ordering::Relaxed)
    }

    fn open(&self, now_millis: i64) {
        self.closed_from
            .store(now_millis + BREAK, Ordering::Relaxed);
    }
}

/// Redis as one request sees it.
#[derive(Clone, Copy)]
pub struct Upstash<'a> {
    platform: &'a dyn Platform,
    breaker: &'a Breaker,
    url: &'a str,
    token: &'a Secret,
}

impl<'a> Upstash<'a> {
    /// The Redis at `url`, an address without a slash at the end.
    #[must_use]
    pub fn new(
        platform: &'a dyn Platform,
        breaker: &'a Breaker,
        url: &'a str,
        token: &'a Secret,
    ) -> Self {
        Self {
            platform,
            breaker,
            url,
            token,
        }
    }

    /// Sends `commands` in one request and gives one value for each, in order.
    ///
    /// A failure of any command is a failure of the whole: our pipelines have no command that may fail alone.
    pub async fn pipeline(&self, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
        if self.breaker.is_open(self.platform.now().as_millisecond()) {
            return Err(RedisError::BreakerOpen);
        }
        let result = self.attempt(commands).await;
        if result.is_err() {
            self.breaker.open(self.platform.now().as_millisecond());
        }
        result
    }

    async fn attempt(&self, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
        let answer = send_within(self.platform, self.request(commands)?, TIMEOUT).await?;
        if !answer.status().is_success() {
            return Err(RedisError::Refused(answer.status()));
        }
        let items: Vec<Item> =
            serde_json::from_slice(answer.body()).map_err(|_| RedisError::Undecodable)?;
        if items.len() != commands.len() {
            return Err(RedisError::Undecodable);
        }
        items
            .into_iter()
            .map(|item| match item {
                Item::Result { result } => Ok(result),
                Item::Error { error } => Err(RedisError::Command(error)),
            })
            .collect()
    }

    fn request(&self, commands: &[Command]) -> Result<Request<Bytes>, RedisError> {
        let body = serde_json::to_vec(commands).map_err(|_| RedisError::Undecodable)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", self.token.expose()))
            .map_err(|_| RedisError::Undecodable)?;
        authorization.set_sensitive(true);
        Request::builder()
            .method(Method::POST)
            .uri(format!("{}/pipeline", self.url))
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .map_err(|_| RedisError::Undecodable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_an_array_of_arrays() {
        let commands = [
            Command::incr("a".into()),
            Command::expire_once("a".into(), 120),
            Command::mget(["b".into(), "c".into()]),
            Command::set_if_absent("l".into(), "me".into(), 5000),
        ];
        assert_eq!(
            serde_json::to_string(&commands).unwrap(),
            r#"[["INCR","a"],["EXPIRE","a","120","NX"],["MGET","b","c"],["SET","l","me","NX","PX","5000"]]"#
        );
    }

    #[test]
    fn each_item_has_its_own_answer() {
        let items: Vec<Item> = serde_json::from_str(
            r#"[{"result":1},{"result":["x",null]},{"result":null},{"error":"ERR wrong"}]"#,
        )
        .unwrap();
        let mut values = items.into_iter().map(|item| match item {
            Item::Result { result } => Ok(result),
            Item::Error { error } => Err(error),
        });
        assert_eq!(values.next(), Some(Ok(Value::Integer(1))));
        assert_eq!(
            values.next(),
            Some(Ok(Value::List(vec![Value::Text("x".into()), Value::Nil])))
        );
        assert_eq!(values.next(), Some(Ok(Value::Nil)));
        assert_eq!(values.next(), Some(Err("ERR wrong".into())));
    }
}
