//! Filling a slot before anybody asks.

use super::{FIRST, Load, Slot};
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
    let read = redis
        .pipeline(&[Command::get(slot.subject.generation_key())])
        .await?;
    let generation = read.into_iter().next().and_then(Value::into_text);
    let generation = generation.unwrap_or_else(|| FIRST.to_owned());
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
