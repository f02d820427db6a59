//! The platform of unit tests: upstreams respond by a script, and tests move the time.

use crate::{
    config::{Config, ConfigError, Defaults},
    platform::{Platform, TransportError},
};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use std::{collections::VecDeque, sync::Mutex, time::Duration};

/// The time at which tests begin. At the Unix epoch, arithmetic with a time would show no mistake.
pub(crate) const START: &str = "2030-01-01T00:00:00Z";
/// [`START`] in seconds and in milliseconds since the Unix epoch.
pub(crate) const START_SECONDS: u32 = 1_893_456_000;
pub(crate) const START_MILLIS: i64 = 1_893_456_000_000;

/// The variables of a deployment with Redis.
pub(crate) const REDIS: [(&str, &str); 2] = [
    ("UPSTASH_REDIS_REST_URL", "http://redis.test"),
    ("UPSTASH_REDIS_REST_TOKEN", "token"),
];

/// A valid configuration with the variables `more` and without those of `without`.
pub(crate) fn config(
    more: &[(&'static str, &'static str)],
    without: &[&str],
) -> Result<Config, ConfigError> {
    let variables = [
        ("SUPABASE_URL", "http://supabase.test"),
        ("SUPABASE_SECRET_KEY", "sb_secret_x"),
        ("PAYPAL_MODE", "sandbox"),
        ("PAYPAL_CLIENT_ID", "id"),
        ("PAYPAL_CLIENT_SECRET", "secret"),
        ("PUBLIC_BASE_URL", "https://exodrive.test"),
        ("ADMIN_TOKEN", "operator"),
        ("CRON_SECRET", "0123456789abcdef"),
    ];
    let variable = |name: &str| {
        let known = variables
            .iter()
            .chain(more)
            .find(|(known, _)| *known == name && !without.contains(known));
        known.map(|(_, value)| (*value).to_owned())
    };
    Config::read(variable, Defaults::default())
}

/// A platform whose upstreams respond in the order of a script.
pub(crate) struct ScriptedPlatform {
    now: Mutex<Timestamp>,
    responses: Mutex<VecDeque<Result<(u16, &'static str), TransportError>>>,
    requests: Mutex<Vec<http::Request<Bytes>>>,
    work_after_response: Mutex<Vec<BoxFuture<'static, ()>>>,
    /// The time until each response.
    latency: Mutex<Duration>,
    /// The duration of the last call of `sleep`.
    timeout: Mutex<Duration>,
}

impl ScriptedPlatform {
    pub(crate) fn new(
        responses: impl IntoIterator<Item = Result<(u16, &'static str), TransportError>>,
    ) -> Self {
        Self::at(START, responses)
    }

    /// A platform whose time starts at `start`.
    pub(crate) fn at(
        start: &str,
        responses: impl IntoIterator<Item = Result<(u16, &'static str), TransportError>>,
    ) -> Self {
        Self {
            now: Mutex::new(start.parse().unwrap()),
            responses: Mutex::new(responses.into_iter().collect()),
            requests: Mutex::default(),
            work_after_response: Mutex::default(),
            latency: Mutex::default(),
            timeout: Mutex::default(),
        }
    }

    pub(crate) fn advance(&self, step: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(step).unwrap();
    }

    /// Delays every response by `latency`. A caller with an earlier timeout does not see it.
    pub(crate) fn set_latency(&self, latency: Duration) {
        *self.latency.lock().unwrap() = latency;
    }

    /// Adds a response to the end of the script.
    pub(crate) fn add_response(&self, status: u16, body: &'static str) {
        self.responses.lock().unwrap().push_back(Ok((status, body)));
    }

    /// Runs the work after the response, as far as the script allows.
    pub(crate) fn run_work_after_response(&self) {
        let tasks = std::mem::take(&mut *self.work_after_response.lock().unwrap());
        for task in tasks {
            let _ = task.now_or_never();
        }
    }

    /// The paths of all requests.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| request.uri().path().to_owned())
            .collect()
    }

    pub(crate) fn last_request(&self) -> http::Request<Bytes> {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    /// The value of the header `name` in the last request.
    pub(crate) fn last_header(&self, name: &str) -> String {
        self.last_request().headers()[name]
            .to_str()
            .unwrap()
            .to_owned()
    }
}

impl Platform for ScriptedPlatform {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let path = request.uri().path().to_owned();
        self.requests.lock().unwrap().push(request);
        let response = self.responses.lock().unwrap().pop_front();
        let response = response.unwrap_or_else(|| panic!("the script has no response to {path}"));
        let response = response.map(|(status, body)| {
            http::Response::builder()
                .status(status)
                .body(Bytes::from_static(body.as_bytes()))
                .unwrap()
        });
        let latency = *self.latency.lock().unwrap();
        if !latency.is_zero() && *self.timeout.lock().unwrap() <= latency {
            return std::future::pending().boxed();
        }
        async move { response }.boxed()
    }

    /// Ends at once if a response takes longer, and otherwise never.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        *self.timeout.lock().unwrap() = duration;
        if duration <= *self.latency.lock().unwrap() {
            return async {}.boxed();
        }
        std::future::pending().boxed()
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn random(&self) -> [u8; 32] {
        [7; 32]
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        self.work_after_response.lock().unwrap().push(work);
    }
}
