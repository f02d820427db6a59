//! Request metrics: counted on each instance, added up in Redis.
//!
//! Every few seconds, after a response, an instance adds its counts to one hash a minute. A busy
//! instance therefore spends a handful of commands every five seconds, however many requests it
//! serves.

use crate::{
    app::App,
    clients::upstash::{Command, RedisError, Value},
    domain::metrics::Counts,
    instance::request_counts::{ServedRequest, minute_key},
};
use futures_util::future::try_join_all;

/// Minutes that are read in one request to Redis.
const CHUNK: usize = 120;

/// Counts one request, and reports to Redis after the response when a report is due.
pub(crate) fn count(app: &App, request: ServedRequest<'_>) {
    let now = app.platform().now().as_millisecond();
    if app.request_counts().count(request, now) {
        app.after_response(|app| Box::pin(async move { report(&app).await }));
    }
}

/// Reports the counts to Redis.
///
/// Counts that Redis surely did not add are reported the next time. A batch that Redis may have
/// applied is dropped: counting it twice would show false traffic. A lost answer therefore costs
/// five seconds of one instance's counts.
pub(crate) async fn report(app: &App) {
    let Some(redis) = app.redis() else { return };
    let minutes = app.request_counts().take();
    let commands = minutes.report();
    if commands.is_empty() {
        return;
    }
    match redis.pipeline(&commands).await {
        Ok(_) => {}
        Err(error) if error.has_changed_nothing() => app.request_counts().put_back(minutes),
        Err(error) => log::warn!("metrics: a report may be missing: {error}"),
    }
}

/// The counts of all instances in the last `minutes`, the current one included. `None` when Redis
/// is off.
pub(crate) async fn window(app: &App, minutes: u32) -> Result<Option<Counts>, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(None);
    };
    let redis = redis.background();
    let last = app.platform().now().as_second().div_euclid(60);
    let commands: Vec<Command> = (0..i64::from(minutes))
        .map(|ago| Command::hgetall(minute_key(last - ago)))
        .collect();
    let chunks = commands.chunks(CHUNK).map(|chunk| redis.pipeline(chunk));
    let mut counts = Counts::default();
    for hash in try_join_all(chunks).await?.into_iter().flatten() {
        add_hash(&mut counts, hash);
    }
    Ok(Some(counts))
}

/// Adds a hash, which arrives as a list of alternating fields and values.
fn add_hash(counts: &mut Counts, hash: Value) {
    let mut parts = hash.into_list().unwrap_or_default().into_iter();
    while let (Some(field), Some(number)) = (parts.next(), parts.next()) {
        let number = number.as_integer().and_then(|n| u64::try_from(n).ok());
        if let (Some(field), Some(number)) = (field.into_text(), number) {
            counts.add(&field, number);
        }
    }
}
