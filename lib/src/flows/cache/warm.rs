//! Filling a slot before anybody asks.

use super::{Load, Reading, Slot, reading::look};
use crate::{
    app::App,
    clients::{
        supabase::DatabaseError,
        upstash::{RedisError, Upstash},
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

/// Loads `slot` and stores it at once, also when it is there. `false` when there is nothing to store or Redis is off.
pub async fn warm(
    app: &App,
    deadline: Deadline,
    slot: Slot,
    load: Load,
) -> Result<bool, WarmError> {
    let Some(redis) = app.redis().map(Upstash::patient) else {
        return Ok(false);
    };
    // The generation is read before the data: a write in between makes what is stored invalid.
    let reading = Reading::of(app, slot);
    let found = look(&redis, &reading).await?;
    let body = load(app.clone(), deadline).await;
    let envelope = match &body {
        Ok(Some(body)) => Some(reading.envelope(found.generation, Some(body.clone()))),
        Ok(None) | Err(_) => None,
    };
    let mut commands = reading.storing(envelope.as_ref());
    commands.extend(found.leads.then(|| reading.lead().release()));
    if !commands.is_empty() {
        redis.pipeline(&commands).await?;
    }
    Ok(body?.is_some())
}
