//! A request as routes see it.

use crate::{domain::rate_limit::Decision, platform::Deadline};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// What a route works on.
#[derive(Debug)]
pub struct Request {
    /// The method; HEAD arrives as GET.
    pub method: Method,
    /// The query, without `?`.
    pub query: String,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body, at most 64 KiB.
    pub body: Bytes,
    /// What stands for `{car}` or `{id}` in the route's path.
    pub parameter: Option<String>,
    /// The route's path in the table; `-` when there is none.
    pub route: &'static str,
    /// Names this request in answers and logs.
    pub id: String,
    /// Who is calling, as far as it can be known.
    pub address: Option<IpAddr>,
    /// When the answer is due.
    pub deadline: Deadline,
    /// What the answer will say about itself.
    pub notes: Notes,
}

impl Request {
    /// The bearer token (RFC 6750), if there is one.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let text = self
            .headers
            .get(http::header::AUTHORIZATION)?
            .to_str()
            .ok()?;
        let (scheme, token) = text.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    }

    /// The text of the header `name`, if it is one line of visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// From the cache, fresh.
    Hit,
    /// From the database.
    Miss,
    /// From the cache, past its freshness: it is being renewed, or the database did not answer.
    Stale,
    /// From the database, because Redis is off or did not answer.
    Bypass,
}

impl CacheOutcome {
    /// As in `X-Cache`.
    #[must_use]
    pub fn header_value(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Miss => "MISS",
            Self::Stale => "STALE",
            Self::Bypass => "BYPASS",
        }
    }
}

/// What is learnt on the way and shown in headers, also when the route ends in a problem.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Noted>);

/// The content of [`Notes`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Noted {
    /// What the limiter decided, and for which tier.
    pub limit: Option<(&'static str, Decision)>,
    /// Where the answer came from.
    pub cache: Option<CacheOutcome>,
}

impl Notes {
    /// Notes the limiter's decision.
    pub fn limit(&self, tier: &'static str, decision: Decision) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).limit = Some((tier, decision));
    }

    /// Notes where the answer came from.
    pub fn cache(&self, outcome: CacheOutcome) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cache = Some(outcome);
    }

    /// What was noted.
    #[must_use]
    pub fn read(&self) -> Noted {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
