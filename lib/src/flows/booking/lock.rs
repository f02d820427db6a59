//! The lock of a car while a booking is made.
//!
//! The lock spares the database a queue. The database's constraint excludes double bookings, so
//! bookings are made without Redis too.

use crate::{
    app::App,
    clients::upstash::{Command, Lease, Value},
    domain::car::CarRef,
    flows::{redis::lease::new_lease, traffic::admission::LockAttempt},
    platform::Platform,
};
use std::time::Duration;

/// Longer than a booking takes. The lock of a crashed request expires after it.
const LIFETIME_MILLIS: u64 = 10_000;
/// Pauses between attempts: 1.5 seconds in all.
const PAUSES_MILLIS: [u64; 5] = [50, 100, 200, 400, 750];

/// The lock of `car`, not taken yet.
#[must_use]
pub(crate) fn lock_of(platform: &dyn Platform, car: &CarRef) -> Lease {
    new_lease(platform, format!("lock:car:{car}"), LIFETIME_MILLIS)
}

/// Another request kept the lock for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the car's lock is held by another request")]
pub(crate) struct LockTimeout;

/// A lock that this request has or may have, or no lock.
#[derive(Debug)]
pub(crate) struct Lock(Option<Lease>);

impl Lock {
    /// No lock, where none is needed or Redis is unavailable.
    #[must_use]
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Goes on from the attempt during admission: waits briefly for a lock that was not free.
    pub(crate) async fn acquire(
        app: &App,
        lease: Lease,
        attempt: LockAttempt,
    ) -> Result<Self, LockTimeout> {
        match attempt {
            LockAttempt::Success | LockAttempt::InDoubt => return Ok(Self(Some(lease))),
            LockAttempt::Unavailable => return Ok(Self::none()),
            LockAttempt::Conflict => {}
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
        Err(LockTimeout)
    }

    /// The command that releases the lock if this request has it.
    #[must_use]
    pub(crate) fn into_release(self) -> Option<Command> {
        self.0.map(|lease| lease.release())
    }
}
