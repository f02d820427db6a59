//! [`Platform`] over the runtime of an isolate.

use crate::{exchange, invocation};
use bytes::Bytes;
use exodrive::platform::{Platform, TransportError};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use std::time::Duration;
use worker::{Date, Delay, send::SendFuture};

/// [`Platform`] of an isolate. An isolate has one thread, so marking its futures `Send` is safe.
pub(crate) struct WorkerPlatform;

impl Platform for WorkerPlatform {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(SendFuture::new(exchange::send(request)))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(SendFuture::new(Delay::from(duration)))
    }

    /// In production the clock advances only with I/O.
    /// <https://developers.cloudflare.com/workers/reference/security-model/>
    fn now(&self) -> Timestamp {
        i64::try_from(Date::now().as_millis())
            .ok()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Panics without randomness, because no token or id would be safe.
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let result = getrandom::fill(&mut bytes);
        assert!(result.is_ok(), "the runtime has no randomness");
        bytes
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        invocation::after_response(work);
    }
}
