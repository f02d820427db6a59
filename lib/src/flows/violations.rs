//! Who asked too often: kept for operators, sorted by time, the last thousand of the last day.
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
/// As far back as operators can look.
const KEPT_SECONDS: u32 = 24 * 3_600;

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

/// The commands that keep it, and take along what is too old or too much: what others did yesterday does not stay because somebody
/// asks too often today. Four are billed; a script would be a fifth.
pub(super) fn keeping(violation: &Violation) -> Vec<Command> {
    let Ok(member) = serde_json::to_string(violation) else {
        return Vec::new();
    };
    let at = violation.at.as_millisecond();
    let too_old = at.saturating_sub(1_000 * i64::from(KEPT_SECONDS));
    vec![
        Command::zadd(KEY.to_owned(), at, member),
        Command::zremrangebyscore(KEY.to_owned(), too_old),
        Command::zremrangebyrank(KEY.to_owned(), 0, -1 - i64::from(MOST)),
        Command::expire(KEY.to_owned(), KEPT_SECONDS.into()),
    ]
}

/// What is kept of a window.
#[derive(Debug, Default)]
pub struct Kept {
    /// Newest first.
    pub violations: Vec<Violation>,
    /// All that there is room for lie in the window: there can have been more.
    pub truncated: bool,
}

/// Those since `since`; `None` when Redis is off. Operators wait for it.
pub async fn since(app: &App, since: Timestamp) -> Result<Option<Kept>, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(None);
    };
    let command = Command::zrange_newest(KEY.to_owned(), since.as_millisecond(), MOST);
    let answer = redis.patient().pipeline(&[command]).await?;
    let answer = answer.into_iter().next();
    let members = answer.and_then(Value::into_list).unwrap_or_default();
    let truncated = members.len() >= MOST as usize;
    // What an earlier or later release wrote in another shape is read past.
    let violations = members
        .into_iter()
        .filter_map(Value::into_text)
        .filter_map(|member| serde_json::from_str(&member).ok())
        .collect();
    Ok(Some(Kept {
        violations,
        truncated,
    }))
}

/// Forgets them all. `false` when Redis is off.
pub async fn forget(app: &App) -> Result<bool, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(false);
    };
    let forgetting = [Command::del(KEY.to_owned())];
    redis.patient().pipeline(&forgetting).await?;
    Ok(true)
}
