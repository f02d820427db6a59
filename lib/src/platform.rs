//! The seam between the product and the world.
//!
//! Everything that is not a pure decision passes here: the network, waiting, the time, randomness, and work that
//! goes on after the answer. A host implements [`Platform`] once; tests implement it to drive time and lose answers.

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, select};
use jiff::Timestamp;
use std::{pin::pin, time::Duration};

/// What a host gives to the product.
pub trait Platform: Send + Sync {
    /// Sends one HTTP request to an upstream and reads the whole answer.
    ///
    /// Any status is an `Ok`: what an answer means is the client's business. The caller bounds the time, see [`send_within`].
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>>;

    /// Waits for `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()>;

    /// The present moment.
    fn now(&self) -> Timestamp;

    /// 32 bytes that nobody can guess.
    fn random(&self) -> [u8; 32];

    /// Lets `work` run after the response has left; the host keeps the instance alive for it.
    fn after_response(&self, work: BoxFuture<'static, ()>);
}

/// Why an upstream's answer is missing. For money the difference between the first two is what matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The upstream cannot have seen the request: repeating it is harmless.
    #[error("the request was not sent")]
    NotSent,
    /// The upstream may have acted on the request.
    #[error("the request may have been sent, its answer is unknown")]
    Unknown,
    /// The upstream answered with more than the host reads. It has acted.
    #[error("the answer was too large")]
    TooLarge,
}

/// [`Platform::send`], given up after `timeout` as [`TransportError::Unknown`].
pub async fn send_within(
    platform: &dyn Platform,
    request: http::Request<Bytes>,
    timeout: Duration,
) -> Result<http::Response<Bytes>, TransportError> {
    let answer = pin!(platform.send(request));
    let alarm = pin!(platform.sleep(timeout));
    match select(answer, alarm).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => Err(TransportError::Unknown),
    }
}

/// The moment by which a request must be answered.
///
/// Each upstream call takes its timeout from what is left, so that a slow upstream ends in an error that the client
/// still receives.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// The moment `allowance` after `start`.
    #[must_use]
    pub fn after(start: Timestamp, allowance: Duration) -> Self {
        let end = jiff::SignedDuration::try_from(allowance)
            .ok()
            .and_then(|allowance| start.checked_add(allowance).ok());
        Self(end.unwrap_or(Timestamp::MAX))
    }

    /// What is left at `now`; zero when it has passed.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.0.duration_since(now)).unwrap_or(Duration::ZERO)
    }

    /// The time an upstream call may take: `most`, or less when the deadline is nearer.
    #[must_use]
    pub fn allow(&self, now: Timestamp, most: Duration) -> Duration {
        self.left(now).min(most)
    }
}
