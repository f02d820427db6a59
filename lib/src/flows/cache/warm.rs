//! Warming: storing a response before anybody requests it.

use super::read::LoadFn;
use crate::{
    app::App,
    clients::{
        supabase::DatabaseError,
        upstash::{RedisError, Upstash},
    },
    flows::redis::lookup::{CacheLookup, look_up},
    instance::cache_key::CacheKey,
    platform::Deadline,
};

/// A response could not be warmed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WarmError {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Loads the response of `key` and stores it, even when one is stored already.
///
/// Returns `false` when there is nothing to store or Redis is off.
pub(crate) async fn warm(
    app: &App,
    deadline: Deadline,
    key: CacheKey,
    load: LoadFn,
) -> Result<bool, WarmError> {
    let Some(redis) = app.redis().map(Upstash::background) else {
        return Ok(false);
    };
    // The generation is read before the data, so a write in between expires the stored response.
    let lookup = CacheLookup::new(app, key);
    let entry = look_up(&redis, &lookup).await?;
    let body = load(app.clone(), deadline).await;
    let envelope = match &body {
        Ok(Some(body)) => Some(lookup.envelope(entry.generation, Some(body.clone()))),
        Ok(None) | Err(_) => None,
    };
    let mut commands = lookup.store(envelope.as_ref());
    commands.extend(entry.is_leader.then(|| lookup.leader.release()));
    if !commands.is_empty() {
        redis.pipeline(&commands).await?;
    }
    Ok(body?.is_some())
}
