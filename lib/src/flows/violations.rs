//! Who asked too often: kept for operators, sorted by time, at most a thousand, for a week.
//!
//! An entry says which tier, route and client; no header, token or query of the request is kept.

use crate::{
    app::App,
    clients::upstash::{Command, RedisError, Value},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const KEY: &str = "violations";
const MOST: u32 = 1_000;
const KEPT_SECONDS: u64 = 7 * 24 * 3_600;

/// One request that was one too many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// Which limit.
    pub tier: String,
    /// The route's path in the table.
    pub route: String,
    /// The address, the IPv6 network or the user that is counted.
    pub identifier: String,
    /// The request's id, as in the log.
    pub request_id: String,
}

/// The commands that keep it.
pub(super) fn keeping(violation: &Violation) -> Vec<Command> {
    let Ok(member) = serde_json::to_string(violation) else {
        return Vec::new();
    };
    vec![
        Command::zadd(KEY.to_owned(), violation.at.as_millisecond(), member),
        Command::zremrangebyrank(KEY.to_owned(), 0, -1 - i64::from(MOST)),
        Command::expire(KEY.to_owned(), KEPT_SECONDS),
    ]
}

/// Those since `since`, newest first; `None` when Redis is off.
pub async fn since(app: &App, since: Timestamp) -> Result<Option<Vec<Violation>>, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(None);
    };
    let command = Command::zrange_newest(KEY.to_owned(), since.as_millisecond(), MOST);
    let answer = redis.pipeline(&[command]).await?.into_iter().next();
    let members = answer.and_then(Value::into_list).unwrap_or_default();
    // What an earlier or later release wrote in another shape is read past.
    let read = members
        .into_iter()
        .filter_map(Value::into_text)
        .filter_map(|member| serde_json::from_str(&member).ok());
    Ok(Some(read.collect()))
}

/// Forgets them all. `false` when Redis is off.
pub async fn forget(app: &App) -> Result<bool, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(false);
    };
    redis.pipeline(&[Command::del(KEY.to_owned())]).await?;
    Ok(true)
}
