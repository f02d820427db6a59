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

/// The largest response of the three upstreams: Upstash's limit for one request.
const MAX_RESPONSE_BYTES: usize = 10 * 1024 * 1024;
/// Below the idle timeout of the upstreams' load balancers, so a reused connection is still open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs work that continues after its response.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// [`Platform`] of one instance. All clones share the connections.
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

    /// A platform that passes work after the response to `spawn`.
    ///
    /// The root certificates are compiled in, because reading them would slow down every start.
    #[must_use]
    pub fn with_spawn(clock: Clock, spawn: Spawn) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
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
            let response = self
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
            let (head, body) = response.into_parts();
            match read_body(body, MAX_RESPONSE_BYTES).await {
                Ok(body) if body.len() <= MAX_RESPONSE_BYTES => {
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

    /// Panics without randomness, because no token or id would be safe.
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let result = getrandom::fill(&mut bytes);
        assert!(result.is_ok(), "the system has no randomness");
        bytes
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        (self.spawn)(work);
    }
}

/// Reads at most `limit` + 1 bytes. A result over `limit` means that the body is too long.
pub async fn read_body<B>(mut body: B, limit: usize) -> Result<Bytes, B::Error>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            let room = (limit + 1).saturating_sub(read.len());
            read.extend_from_slice(&data[..data.len().min(room)]);
            if read.len() > limit {
                break;
            }
        }
    }
    Ok(read.freeze())
}
