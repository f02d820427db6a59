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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        scripted::{REDIS, config},
        stepped::SteppedPlatform,
    };
    use std::sync::Arc;

    const IN_USE: &str = r#"[{"result":null}]"#;
    const FREE: &str = r#"[{"result":"OK"}]"#;

    /// The result after `replies`, the time that it took, and the times of the attempts.
    fn acquire(
        attempt: LockAttempt,
        replies: &[&str],
    ) -> (Result<bool, LockTimeout>, i64, Vec<i64>) {
        let platform = Arc::new(SteppedPlatform::new(replies));
        let shared = Arc::clone(&platform) as Arc<dyn Platform>;
        let app = App::new(config(&REDIS, &[]).unwrap(), shared);
        let lease = lock_of(app.platform(), &CarRef::parse("test-car").unwrap());
        let task = Lock::acquire(&app, lease, attempt);
        let result = platform.run(vec![Box::pin(task)]).remove(0);
        let is_held = result.map(|lock| lock.into_release().is_some());
        (is_held, platform.elapsed(), platform.request_times())
    }

    #[test]
    fn busy_lock_is_awaited_for_1_5_seconds() {
        let (lock, elapsed, attempts) = acquire(LockAttempt::Conflict, &[IN_USE; 9]);
        assert!(lock.is_err());
        assert_eq!(elapsed, 1_500);
        assert_eq!(attempts, [50, 150, 350, 750, 1_500]);
    }

    #[test]
    fn freed_lock_is_taken_at_the_next_attempt() {
        let (lock, elapsed, _) = acquire(LockAttempt::Conflict, &[IN_USE, IN_USE, FREE]);
        assert_eq!((lock.ok(), elapsed), (Some(true), 350));
    }

    /// A lock that Redis may have granted is released, or its car is refused for ten seconds.
    #[test]
    fn lock_in_doubt_counts_as_held() {
        for (attempt, is_held) in [
            (LockAttempt::Success, true),
            (LockAttempt::InDoubt, true),
            (LockAttempt::Unavailable, false),
        ] {
            let (lock, elapsed, attempts) = acquire(attempt, &[]);
            assert_eq!((lock.ok(), elapsed), (Some(is_held), 0), "{attempt:?}");
            assert!(attempts.is_empty());
        }
        // An attempt without a reply may have succeeded too.
        let (lock, ..) = acquire(LockAttempt::Conflict, &[IN_USE]);
        assert_eq!(lock.ok(), Some(true));
    }
}
