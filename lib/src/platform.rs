//! The boundary between the product and its surroundings.
//!
//! Network, waiting, time, randomness and work after the response all pass here. Each host
//! implements [`Platform`]. Tests implement it to control time and to lose responses.

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, select};
use jiff::Timestamp;
use std::{pin::pin, time::Duration};

/// The services of a host.
pub trait Platform: Send + Sync {
    /// Sends one HTTP request to an upstream and reads the whole response.
    ///
    /// Any status is an `Ok`, and the upstream's client interprets it. The caller bounds the time
    /// with [`send_within`].
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>>;

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()>;

    fn now(&self) -> Timestamp;

    /// 32 bytes that nobody can guess.
    fn random(&self) -> [u8; 32];

    /// Runs `work` after the response has left. The host keeps the instance alive for it.
    fn after_response(&self, work: BoxFuture<'static, ()>);
}

/// The reason for a missing response. The first two differ for calls that move money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The upstream cannot have received the request, so a retry is harmless.
    #[error("the request was not sent")]
    NotSent,
    /// The upstream may have acted on the request.
    #[error("the request may have been sent, and its response is unknown")]
    Unknown,
    /// The response is larger than the host reads. The upstream has acted.
    #[error("the response was too large")]
    TooLarge,
}

/// [`Platform::send`] with a timeout, which counts as [`TransportError::Unknown`].
pub async fn send_within(
    platform: &dyn Platform,
    request: http::Request<Bytes>,
    timeout: Duration,
) -> Result<http::Response<Bytes>, TransportError> {
    let response = pin!(platform.send(request));
    let alarm = pin!(platform.sleep(timeout));
    match select(response, alarm).await {
        Either::Left((response, _)) => response,
        Either::Right(((), _)) => Err(TransportError::Unknown),
    }
}

/// The time by which a request needs its response.
///
/// Each upstream call takes its timeout from the remaining time. A slow upstream then ends in an
/// error that still reaches the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Timestamp);

impl Deadline {
    /// The deadline `allowance` after `start`.
    #[must_use]
    pub(crate) fn after(start: Timestamp, allowance: Duration) -> Self {
        let end = jiff::SignedDuration::try_from(allowance)
            .ok()
            .and_then(|allowance| start.checked_add(allowance).ok());
        Self(end.unwrap_or(Timestamp::MAX))
    }

    /// A deadline this much earlier.
    #[must_use]
    pub(crate) fn earlier(&self, margin: Duration) -> Self {
        let end = jiff::SignedDuration::try_from(margin)
            .ok()
            .and_then(|margin| self.0.checked_sub(margin).ok());
        Self(end.unwrap_or(Timestamp::MIN))
    }

    /// The remaining time at `now`. Zero after the deadline.
    #[must_use]
    pub(crate) fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.0.duration_since(now)).unwrap_or(Duration::ZERO)
    }

    /// The timeout of an upstream call: `max`, or less if the deadline is nearer.
    #[must_use]
    pub(crate) fn allow(&self, now: Timestamp, max: Duration) -> Duration {
        self.left(now).min(max)
    }
}
