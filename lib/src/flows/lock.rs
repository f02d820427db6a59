//! A lock on a car while a booking is made: it spares the database a queue and decides nothing.
//!
//! Upstash replicates asynchronously, so two holders are possible; the database's constraint is what excludes. Without
//! Redis there is no lock and bookings are made all the same.

use super::admission::Admitted;
use crate::{
    app::App,
    clients::upstash::{Command, DELETE_IF_EQUAL, Value},
    domain::car::CarRef,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::time::Duration;

/// Longer than a booking takes, short enough that a crashed holder is soon forgotten.
const LIFETIME_MILLIS: u64 = 10_000;
/// How long the second in line waits between looks: 1.5 seconds in all.
const PAUSES_MILLIS: [u64; 5] = [50, 100, 200, 400, 750];

/// The lock of one car, and who wants it.
#[derive(Clone, Debug)]
pub struct LockRequest {
    key: String,
    owner: String,
}

impl LockRequest {
    /// A request under a name that nobody else has.
    #[must_use]
    pub fn new(app: &App, car: &CarRef) -> Self {
        Self {
            key: format!("lock:car:{car}"),
            owner: BASE64_URL_SAFE_NO_PAD.encode(app.platform().random()),
        }
    }

    /// The command that takes it.
    pub(super) fn into_command(self) -> Command {
        Command::set_if_absent(self.key, self.owner, LIFETIME_MILLIS)
    }

    /// The command that gives it back, if it is still ours.
    pub(super) fn into_release(self) -> Command {
        Command::run(&DELETE_IF_EQUAL, [self.key], [self.owner])
    }
}

/// The lock is held by somebody else.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the car's lock is held by another request")]
pub struct Busy;

/// A lock that is ours, or the absence of any.
#[derive(Debug)]
pub struct Lock(Option<LockRequest>);

impl Lock {
    /// No lock, for when there is nothing to lock.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Waits briefly for a lock that was not free on the way in.
    pub async fn acquire(
        app: &App,
        request: LockRequest,
        admitted: &Admitted,
    ) -> Result<Self, Busy> {
        match admitted.locked {
            None => return Ok(Self(None)),
            Some(true) => return Ok(Self(Some(request))),
            Some(false) => {}
        }
        for pause in PAUSES_MILLIS {
            app.platform().sleep(Duration::from_millis(pause)).await;
            let Some(redis) = app.redis() else {
                return Ok(Self(None));
            };
            match redis.pipeline(&[request.clone().into_command()]).await {
                Ok(values) if values.iter().all(|value| *value == Value::Nil) => {}
                Ok(_) => return Ok(Self(Some(request))),
                Err(_) => return Ok(Self(None)),
            }
        }
        Err(Busy)
    }

    /// The command that gives it back, if it is still ours.
    #[must_use]
    pub fn into_release(self) -> Option<Command> {
        self.0.map(LockRequest::into_release)
    }
}
