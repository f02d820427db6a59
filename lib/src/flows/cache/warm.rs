//! Filling a slot before anybody asks.

use super::{Load, Slot, current};
use crate::{
    app::App,
    clients::{
        supabase::DatabaseError,
        upstash::{Command, RedisError, Value},
    },
    platform::Deadline,
};

/// Why a slot could not be warmed.
#[derive(Debug, thiserror::Error)]
pub enum WarmError {
    /// Redis did not take it.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The database did not give it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Loads `slot` and stores it at once. `false` when there is nothing to store or Redis is off.
pub async fn warm(
    app: &App,
    deadline: Deadline,
    slot: &Slot,
    load: Load,
) -> Result<bool, WarmError> {
    let Some(redis) = app.redis() else {
        return Ok(false);
    };
    // The generation is read before the data: a write in between makes what is stored invalid.
    let keys = [slot.kind.epoch_key(), slot.subject.generation_key()];
    let read = redis.pipeline(&[Command::mget(keys)]).await?;
    let read = read.into_iter().next().and_then(Value::into_list);
    let mut read = read.unwrap_or_default().into_iter().map(Value::into_text);
    let generation = current(read.next().flatten(), read.next().flatten());
    let Some(body) = load(app.clone(), deadline).await? else {
        return Ok(false);
    };
    match slot.storing(&slot.envelope(app, generation, Some(body))) {
        Some(command) => {
            redis.pipeline(&[command]).await?;
            Ok(true)
        }
        None => Ok(false),
    }
}
