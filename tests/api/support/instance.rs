//! Instances of the product in this process, over the real upstreams.
//!
//! Each instance records its calls. Timeouts are longer, so that a slow machine opens no breaker.

use crate::support::{
    environment::{new_number, variable, variable_or},
    faults::Upstream,
};
use bytes::Bytes;
use exodrive::{
    Service,
    config::{Config, Defaults},
    platform::{Platform, TransportError},
};
use exodrive_native::{Clock, NativePlatform};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// Multiplies all timeouts: the counts must not depend on the load of the machine.
const TIMEOUT_FACTOR: u32 = 10;

/// One request to an upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) upstream: Upstream,
    pub(crate) is_after_response: bool,
    /// Length of the longest chain of calls that ends here, each begun after the one before.
    pub(crate) depth: usize,
    /// Length of the response's body, 0 until it has arrived.
    pub(crate) response_bytes: usize,
    has_ended: bool,
}

/// Calls since the log was last taken, and work for after the response.
#[derive(Default)]
struct CallLog {
    calls: Vec<Call>,
    has_responded: bool,
    pending_work: Vec<BoxFuture<'static, ()>>,
}

struct RecordingPlatform {
    native: NativePlatform,
    has_redis: AtomicBool,
    /// A part of the addresses whose requests wait.
    held_part: watch::Sender<Option<&'static str>>,
    log: Mutex<CallLog>,
}

impl RecordingPlatform {
    fn log(&self) -> MutexGuard<'_, CallLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for RecordingPlatform {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let address = request.uri().to_string();
            let upstream = upstream_of(&address);
            if upstream == Upstream::Redis && !self.has_redis.load(Ordering::Relaxed) {
                return Err(TransportError::NotSent);
            }
            let number = {
                let mut log = self.log();
                let is_after_response = log.has_responded;
                let ended = log.calls.iter().filter(|call| call.has_ended);
                let depth = 1 + ended.map(|call| call.depth).max().unwrap_or(0);
                let has_ended = false;
                log.calls.push(Call {
                    upstream,
                    is_after_response,
                    depth,
                    response_bytes: 0,
                    has_ended,
                });
                log.calls.len() - 1
            };
            let mut held_part = self.held_part.subscribe();
            let _ = held_part
                .wait_for(|part| part.is_none_or(|part| !address.contains(part)))
                .await;
            let response = self.native.send(request).await;
            if let Some(call) = self.log().calls.get_mut(number) {
                call.has_ended = true;
                call.response_bytes = response.as_ref().map_or(0, |it| it.body().len());
            }
            response
        })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.native.sleep(duration * TIMEOUT_FACTOR)
    }

    fn now(&self) -> Timestamp {
        self.native.now()
    }

    fn random(&self) -> [u8; 32] {
        self.native.random()
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        self.log().pending_work.push(work);
    }
}

fn upstream_of(address: &str) -> Upstream {
    let is_at = |name: &str| address.starts_with(&variable(name));
    if is_at("UPSTASH_REDIS_REST_URL") {
        Upstream::Redis
    } else if is_at("SUPABASE_URL") {
        Upstream::Database
    } else {
        assert!(is_at("PAYPAL_BASE_URL"), "{address} is no upstream");
        Upstream::PayPal
    }
}

/// One instance of the product. Its clock stands still.
pub(crate) struct Instance {
    service: Service,
    platform: Arc<RecordingPlatform>,
    clock: Clock,
}

impl Instance {
    /// Starts an instance at `moment`, with `changes` to the environment.
    pub(crate) fn start(moment: Timestamp, changes: &[(&str, &str)]) -> Self {
        let clock = Clock::fixed_at(moment);
        let platform = Arc::new(RecordingPlatform {
            native: NativePlatform::new(clock.clone()),
            has_redis: AtomicBool::new(true),
            held_part: watch::Sender::new(None),
            log: Mutex::default(),
        });
        let read = |name: &str| {
            let change = changes.iter().find(|(variable, _)| *variable == name);
            let value = match change {
                Some((_, value)) => (*value).to_owned(),
                None if name == "TRUSTED_IP_HEADER" => String::new(),
                None => variable_or(name, ""),
            };
            Some(value).filter(|value| !value.is_empty())
        };
        let defaults = Defaults {
            trusted_ip_header: None,
            public_base_url: None,
        };
        let config = Config::read(read, defaults);
        let service = Service::new(config, Arc::clone(&platform) as Arc<dyn Platform>);
        Self {
            service,
            platform,
            clock,
        }
    }

    /// Responds, and leaves the work after the response to [`Instance::finish`].
    pub(crate) async fn respond(&self, client: IpAddr, request: Request<Bytes>) -> Response<Bytes> {
        self.service.handle(request, Some(client)).await
    }

    /// Responds, and does the work after the response.
    pub(crate) async fn serve(&self, client: IpAddr, request: Request<Bytes>) -> Response<Bytes> {
        let response = self.respond(client, request).await;
        self.finish().await;
        response
    }

    /// Does the work that follows the responses so far.
    ///
    /// Without Redis that work is dropped: it would retry until Redis responds.
    pub(crate) async fn finish(&self) {
        if !self.platform.has_redis.load(Ordering::Relaxed) {
            self.platform.log().pending_work.clear();
            return;
        }
        self.platform.log().has_responded = true;
        loop {
            let work = std::mem::take(&mut self.platform.log().pending_work);
            if work.is_empty() {
                break;
            }
            futures_util::future::join_all(work).await;
        }
        self.platform.log().has_responded = false;
    }

    /// Returns the calls since the last time, and clears the log.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.platform.log().calls)
    }

    /// Advances the clock of this instance only.
    pub(crate) fn advance_clock(&self, time: SignedDuration) {
        self.clock.advance(time.try_into().unwrap());
    }

    /// Holds requests to upstreams whose address contains `part`, until [`Self::release_calls`].
    pub(crate) fn hold_calls(&self, part: &'static str) {
        self.platform.held_part.send_replace(Some(part));
    }

    pub(crate) fn release_calls(&self) {
        self.platform.held_part.send_replace(None);
    }

    pub(crate) fn disconnect_redis(&self) {
        self.platform.has_redis.store(false, Ordering::Relaxed);
    }

    pub(crate) fn reconnect_redis(&self) {
        self.platform.has_redis.store(true, Ordering::Relaxed);
    }
}

/// The address of a new client.
pub(crate) fn random_ip() -> IpAddr {
    format!("10.200.{}.{}", new_number(256), new_number(256))
        .parse()
        .unwrap()
}

pub(crate) fn get(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).unwrap()
}

pub(crate) fn post(path: &str, body: &Value) -> Request<Bytes> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

/// The request with an operator's token.
pub(crate) fn as_operator(mut request: Request<Bytes>) -> Request<Bytes> {
    let token = format!("Bearer {}", variable("ADMIN_TOKEN"));
    let headers = request.headers_mut();
    headers.insert("authorization", token.parse().unwrap());
    request
}

/// Asserts the status and returns the JSON body.
#[track_caller]
pub(crate) fn json(status: u16, response: &Response<Bytes>) -> Value {
    let text = String::from_utf8_lossy(response.body());
    assert_eq!(response.status(), status, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The text of a header, empty when it is missing.
pub(crate) fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}
