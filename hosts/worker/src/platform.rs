//! [`Platform`] over the runtime of an isolate.

use crate::{exchange, invocation};
use bytes::Bytes;
use exodrive::platform::{Platform, TransportError};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use std::time::Duration;
use worker::{Date, Delay, send::SendFuture};

/// The world as an isolate sees it. An isolate has one thread, so its futures may call themselves `Send`.
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

    /// In production the clock stands still between two pieces of I/O.
    /// <https://developers.cloudflare.com/workers/reference/security-model/>
    fn now(&self) -> Timestamp {
        i64::try_from(Date::now().as_millis())
            .ok()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Without randomness nothing here is safe, so a runtime that has none ends the request as a panic would.
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let filled = getrandom::fill(&mut bytes);
        assert!(filled.is_ok(), "the runtime gives no randomness");
        bytes
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        invocation::after_response(work);
    }
}
