//! Requests over their rate limit, stored in Redis for operators: the last thousand of the last
//! day.
//!
//! An entry names the tier, the route and the client. It holds no header, token or query.

use crate::{
    app::App,
    clients::{
        json,
        upstash::{Command, RedisError, Value},
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const KEY: &str = "violations";
const CAPACITY: u32 = 1_000;
/// The longest window that operators can look at.
const WINDOW_SECONDS: u32 = 24 * 3_600;

/// One request over its rate limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Violation {
    pub(crate) at: Timestamp,
    pub(crate) tier: String,
    /// The route's path in the table.
    pub(crate) route: String,
    /// The address, the IPv6 network or the user that was counted.
    pub(crate) identifier: String,
    pub(crate) request_id: String,
}

/// The commands that store `violation` and remove old entries and those beyond the capacity.
///
/// Old entries are removed by age too, because each new entry renews the lifetime of the whole key.
/// Four commands are billed. A script would add a fifth.
pub(super) fn store(violation: &Violation) -> Vec<Command> {
    let Ok(member) = serde_json::to_string(violation) else {
        return Vec::new();
    };
    let at = violation.at.as_millisecond();
    let too_old = at.saturating_sub(1_000 * i64::from(WINDOW_SECONDS));
    vec![
        Command::zadd(KEY.to_owned(), at, member),
        Command::zremrangebyscore(KEY.to_owned(), too_old),
        Command::zremrangebyrank(KEY.to_owned(), 0, -1 - i64::from(CAPACITY)),
        Command::expire(KEY.to_owned(), WINDOW_SECONDS.into()),
    ]
}

/// The stored violations of a window.
#[derive(Debug, Default)]
pub(crate) struct ViolationList {
    /// Newest first.
    pub(crate) violations: Vec<Violation>,
    /// Whether the capacity is used up within the window, so that there may have been more.
    pub(crate) truncated: bool,
}

/// The violations since `start`. `None` when Redis is off.
pub(crate) async fn list(app: &App, start: Timestamp) -> Result<Option<ViolationList>, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(None);
    };
    let command = Command::zrange_newest(KEY.to_owned(), start.as_millisecond(), CAPACITY);
    let replies = redis.background().pipeline(&[command]).await?;
    let reply = replies.into_iter().next();
    let members = reply.and_then(Value::into_list).unwrap_or_default();
    let truncated = members.len() >= CAPACITY as usize;
    // An entry of another release may have another format, and is skipped.
    let violations = members
        .into_iter()
        .filter_map(Value::into_text)
        .filter_map(|member| json::from_slice(member.as_bytes()).ok())
        .collect();
    Ok(Some(ViolationList {
        violations,
        truncated,
    }))
}

/// Deletes all violations. Returns `false` when Redis is off.
pub(crate) async fn clear(app: &App) -> Result<bool, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(false);
    };
    let delete = [Command::del(KEY.to_owned())];
    redis.background().pipeline(&delete).await?;
    Ok(true)
}
