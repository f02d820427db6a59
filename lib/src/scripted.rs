//! A world for unit tests: answers are given in the order of a script, time moves when told.

use crate::{
    config::{Config, ConfigError, Defaults},
    platform::{Platform, TransportError},
};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use std::{collections::VecDeque, sync::Mutex, time::Duration};

/// The variables of a deployment that uses Redis.
pub(crate) const REDIS: [(&str, &str); 2] = [
    ("UPSTASH_REDIS_REST_URL", "http://redis.test"),
    ("UPSTASH_REDIS_REST_TOKEN", "token"),
];

/// A configuration in which also `more` is set, and `without` is not.
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

/// A platform whose upstreams answer by a script.
pub(crate) struct Scripted {
    now: Mutex<Timestamp>,
    answers: Mutex<VecDeque<Result<(u16, &'static str), TransportError>>>,
    requests: Mutex<Vec<http::Request<Bytes>>>,
    later: Mutex<Vec<BoxFuture<'static, ()>>>,
    slowness: Mutex<Duration>,
    patience: Mutex<Duration>,
}

impl Scripted {
    pub(crate) fn new(
        answers: impl IntoIterator<Item = Result<(u16, &'static str), TransportError>>,
    ) -> Self {
        Self::at("1970-01-01T00:00:00Z", answers)
    }

    /// A platform whose time begins at `start`.
    pub(crate) fn at(
        start: &str,
        answers: impl IntoIterator<Item = Result<(u16, &'static str), TransportError>>,
    ) -> Self {
        Self {
            now: Mutex::new(start.parse().unwrap()),
            answers: Mutex::new(answers.into_iter().collect()),
            requests: Mutex::default(),
            later: Mutex::default(),
            slowness: Mutex::default(),
            patience: Mutex::default(),
        }
    }

    pub(crate) fn advance(&self, step: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(step).unwrap();
    }

    /// Lets every answer take so long. Whoever set an alarm for an earlier moment does not see it.
    pub(crate) fn take(&self, time: Duration) {
        *self.slowness.lock().unwrap() = time;
    }

    /// Adds to the end of the script.
    pub(crate) fn will_answer(&self, status: u16, body: &'static str) {
        self.answers.lock().unwrap().push_back(Ok((status, body)));
    }

    /// Does what was left for after the response. A script decides how far each piece of work comes.
    pub(crate) fn after_the_response(&self) {
        let later = std::mem::take(&mut *self.later.lock().unwrap());
        for work in later {
            let _ = work.now_or_never();
        }
    }

    /// The paths asked for so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| request.uri().path().to_owned())
            .collect()
    }

    /// The last request.
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

impl Platform for Scripted {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let path = request.uri().path().to_owned();
        self.requests.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| panic!("the script has no answer to {path}"));
        let answer = answer.map(|(status, body)| {
            http::Response::builder()
                .status(status)
                .body(Bytes::from_static(body.as_bytes()))
                .unwrap()
        });
        let slowness = *self.slowness.lock().unwrap();
        if !slowness.is_zero() && *self.patience.lock().unwrap() <= slowness {
            return std::future::pending().boxed();
        }
        async move { answer }.boxed()
    }

    /// Ends before an answer that takes longer, and else not: nobody waits to the end.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        *self.patience.lock().unwrap() = duration;
        if duration <= *self.slowness.lock().unwrap() {
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
        self.later.lock().unwrap().push(work);
    }
}
