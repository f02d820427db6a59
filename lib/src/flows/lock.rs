//! A lock on a car while a booking is made: it spares the database a queue and decides nothing.
//!
//! The database's constraint is what excludes. Without Redis there is no lock, and bookings are made all the same.

use super::lease::Lease;
use crate::{
    app::App,
    clients::upstash::{Command, Value},
    domain::car::CarRef,
};
use std::time::Duration;

/// Longer than a booking takes, short enough that a crashed holder is soon forgotten.
const LIFETIME_MILLIS: u64 = 10_000;
/// How long the second in line waits between looks: 1.5 seconds in all.
const PAUSES_MILLIS: [u64; 5] = [50, 100, 200, 400, 750];

/// Asks for the lock of `car`.
#[must_use]
pub fn lock_of(app: &App, car: &CarRef) -> Lease {
    Lease::new(app, format!("lock:car:{car}"), LIFETIME_MILLIS)
}

/// Whether a lock was taken on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is ours.
    Yes,
    /// Somebody else has it.
    No,
    /// Redis gave no answer: perhaps it is ours.
    Unknown,
    /// Redis is off, or has surely not heard of it.
    NotAsked,
}

/// The lock is held by somebody else.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the car's lock is held by another request")]
pub struct Busy;

/// A lock that is ours or may be, or the absence of any.
#[derive(Debug)]
pub struct Lock(Option<Lease>);

impl Lock {
    /// No lock, for when there is nothing to lock.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Waits briefly for a lock that was not free on the way in.
    pub async fn acquire(app: &App, lease: Lease, taken: Taken) -> Result<Self, Busy> {
        match taken {
            Taken::Yes | Taken::Unknown => return Ok(Self(Some(lease))),
            Taken::NotAsked => return Ok(Self::none()),
            Taken::No => {}
        }
        for pause in PAUSES_MILLIS {
            app.platform().sleep(Duration::from_millis(pause)).await;
            let Some(redis) = app.redis() else {
                return Ok(Self::none());
            };
            match redis.pipeline(&[lease.take()]).await {
                Ok(values) if values.iter().all(|value| *value == Value::Nil) => {}
                Ok(_) | Err(_) => return Ok(Self(Some(lease))),
            }
        }
        Err(Busy)
    }

    /// The command that gives it back, if it is still ours.
    #[must_use]
    pub fn into_release(self) -> Option<Command> {
        self.0.map(|lease| lease.release())
    }
}
