//! [`Platform`] over hyper and tokio.

use crate::Clock;
use bytes::{Bytes, BytesMut};
use exodrive::platform::{Platform, TransportError};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// The largest answer that is read from an upstream: Upstash's limit for one request, the largest of the three.
const MOST_ANSWER_BYTES: usize = 10 * 1024 * 1024;
/// Below the idle timeout of the load balancers in front of the upstreams, so that a reused connection is alive.
const IDLE: Duration = Duration::from_secs(50);
/// A connection that takes longer will not come.
const CONNECT: Duration = Duration::from_secs(5);

/// Where work goes that outlives its response.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// One instance's view of the world. All clones share the connections.
#[derive(Clone)]
pub struct NativePlatform {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    clock: Clock,
    spawn: Spawn,
}

impl NativePlatform {
    /// A platform that runs work after the response as tasks of the current runtime.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::with_spawn(clock, Arc::new(|work| drop(tokio::spawn(work))))
    }

    /// A platform that hands work after the response to `spawn`.
    ///
    /// The roots of trust are compiled in: a function's file system has none worth reading on every start.
    #[must_use]
    pub fn with_spawn(clock: Clock, spawn: Spawn) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        let https = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(https);
        Self {
            client,
            clock,
            spawn,
        }
    }
}

impl Platform for NativePlatform {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let answer = self
                .client
                .request(request.map(Full::new))
                .await
                .map_err(|error| {
                    if error.is_connect() {
                        TransportError::NotSent
                    } else {
                        TransportError::Unknown
                    }
                })?;
            let (head, body) = answer.into_parts();
            match read_body(body, MOST_ANSWER_BYTES).await {
                Ok(body) if body.len() <= MOST_ANSWER_BYTES => {
                    Ok(http::Response::from_parts(head, body))
                }
                Ok(_) => Err(TransportError::TooLarge),
                Err(_) => Err(TransportError::Unknown),
            }
        })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Without randomness nothing here is safe, so a system that has none ends the request as a panic would.
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let filled = getrandom::fill(&mut bytes);
        assert!(filled.is_ok(), "the system gives no randomness");
        bytes
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        (self.spawn)(work);
    }
}

/// Reads `body` up to `most` bytes and, if there is more, one byte over, so that the caller can tell.
pub async fn read_body<B>(mut body: B, most: usize) -> Result<Bytes, B::Error>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            let room = (most + 1).saturating_sub(read.len());
            read.extend_from_slice(&data[..data.len().min(room)]);
            if read.len() > most {
                break;
            }
        }
    }
    Ok(read.freeze())
}
