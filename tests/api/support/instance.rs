//! Instances of the product in this process, over the real upstreams: what each asks of them is written down, and no upstream is
//! given up for being slow on a busy machine.

use crate::support::environment::{new_number, variable, variable_or};
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

/// How much longer than the product this machine waits: what is counted must not depend on how busy it is.
const PATIENCE: u32 = 10;

/// A service that the product calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    Redis,
    Database,
    PayPal,
}

/// One request to an upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) upstream: Upstream,
    /// Whether the client had its answer by then.
    pub(crate) is_afterwards: bool,
    /// Its place in the longest row of calls of which each waited for the one before.
    pub(crate) place: usize,
    has_ended: bool,
}

/// What the seam of an instance has seen since it was asked last.
#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    has_answered: bool,
    left: Vec<BoxFuture<'static, ()>>,
}

struct Seam {
    native: NativePlatform,
    has_redis: AtomicBool,
    seen: Mutex<Seen>,
}

impl Seam {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for Seam {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let upstream = upstream_of(&request.uri().to_string());
            if upstream == Upstream::Redis && !self.has_redis.load(Ordering::Relaxed) {
                return Err(TransportError::NotSent);
            }
            let number = {
                let mut seen = self.seen();
                let is_afterwards = seen.has_answered;
                let ended = seen.calls.iter().filter(|call| call.has_ended);
                let place = 1 + ended.map(|call| call.place).max().unwrap_or(0);
                let has_ended = false;
                seen.calls.push(Call {
                    upstream,
                    is_afterwards,
                    place,
                    has_ended,
                });
                seen.calls.len() - 1
            };
            let response = self.native.send(request).await;
            if let Some(call) = self.seen().calls.get_mut(number) {
                call.has_ended = true;
            }
            response
        })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.native.sleep(duration * PATIENCE)
    }

    fn now(&self) -> Timestamp {
        self.native.now()
    }

    fn random(&self) -> [u8; 32] {
        self.native.random()
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        self.seen().left.push(work);
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

/// One instance, whose clock stands.
pub(crate) struct Instance {
    service: Service,
    seam: Arc<Seam>,
    clock: Clock,
}

impl Instance {
    /// An instance that was started at `moment`, with `changes` to the environment.
    pub(crate) fn start(moment: Timestamp, changes: &[(&str, &str)]) -> Self {
        let clock = Clock::standing_at(moment);
        let seam = Arc::new(Seam {
            native: NativePlatform::new(clock.clone()),
            has_redis: AtomicBool::new(true),
            seen: Mutex::default(),
        });
        let read = |name: &str| {
            let given = changes.iter().find(|(variable, _)| *variable == name);
            let value = match given {
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
        let platform: Arc<dyn Platform> = Arc::clone(&seam) as _;
        let service = Service::new(Config::read(read, defaults), platform);
        Self {
            service,
            seam,
            clock,
        }
    }

    /// Answers, without what is left to do afterwards.
    pub(crate) async fn respond(&self, client: IpAddr, request: Request<Bytes>) -> Response<Bytes> {
        self.service.handle(request, Some(client)).await
    }

    /// Answers, and does what is left.
    pub(crate) async fn serve(&self, client: IpAddr, request: Request<Bytes>) -> Response<Bytes> {
        let response = self.respond(client, request).await;
        self.finish().await;
        response
    }

    /// Does what is left to do after the answers so far. Without Redis nothing is: it would wait until Redis hears it, and the
    /// clock stands.
    pub(crate) async fn finish(&self) {
        if !self.seam.has_redis.load(Ordering::Relaxed) {
            self.seam.seen().left.clear();
            return;
        }
        self.seam.seen().has_answered = true;
        loop {
            let left = std::mem::take(&mut self.seam.seen().left);
            if left.is_empty() {
                break;
            }
            futures_util::future::join_all(left).await;
        }
        self.seam.seen().has_answered = false;
    }

    /// What was asked of the upstreams since this was asked last.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.seam.seen().calls)
    }

    /// Lets time pass here.
    pub(crate) fn advance_clock(&self, time: SignedDuration) {
        self.clock.advance(time);
    }

    /// From now on, nothing reaches Redis.
    pub(crate) fn disconnect_redis(&self) {
        self.seam.has_redis.store(false, Ordering::Relaxed);
    }

    /// From now on, everything reaches Redis again.
    pub(crate) fn reconnect_redis(&self) {
        self.seam.has_redis.store(true, Ordering::Relaxed);
    }
}

/// A client's address.
pub(crate) fn random_ip() -> IpAddr {
    format!("10.200.{}.{}", new_number(256), new_number(256))
        .parse()
        .unwrap()
}

/// `GET path`.
pub(crate) fn get(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).unwrap()
}

/// `POST path` with a body.
pub(crate) fn post(path: &str, body: &Value) -> Request<Bytes> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

/// The JSON of a success with exactly this status.
#[track_caller]
pub(crate) fn json(status: u16, response: &Response<Bytes>) -> Value {
    let text = String::from_utf8_lossy(response.body());
    assert_eq!(response.status(), status, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// A header's text, empty when there is none.
pub(crate) fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}
