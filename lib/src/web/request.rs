//! A request as handlers see it.

use crate::{domain::rate_limit::Decision, platform::Deadline};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// A request on its route.
#[derive(Debug)]
pub(crate) struct Request {
    /// GET for a HEAD request.
    pub(crate) method: Method,
    /// The query, without `?`.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// At most 64 KiB in a handler.
    pub(crate) body: Bytes,
    /// The value of `{car}` or `{id}` in the path.
    pub(crate) parameter: Option<String>,
    /// The route's path in the table, `-` for a request without a route.
    pub(crate) route: &'static str,
    /// The id of this request in responses and logs.
    pub(crate) id: String,
    /// The client's address, if it is known.
    pub(crate) address: Option<IpAddr>,
    /// The time by which the response is due.
    pub(crate) deadline: Deadline,
    /// Whether the request may change something.
    pub(crate) is_change: bool,
    pub(crate) notes: Notes,
}

impl Request {
    /// The bearer token (RFC 6750), if there is one.
    pub(crate) fn bearer(&self) -> Option<&str> {
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

    /// The value of the header `name`, if it is visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The source of a response, as in `X-Cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheOutcome {
    /// The cache, fresh.
    Hit,
    /// The database.
    Miss,
    /// The cache, past its freshness: it is being refreshed, or the database is down.
    Stale,
    /// The database, because Redis is off or down.
    Bypass,
}

impl CacheOutcome {
    pub(crate) fn header_value(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Miss => "MISS",
            Self::Stale => "STALE",
            Self::Bypass => "BYPASS",
        }
    }
}

/// Values for the response headers and the audit log that a handler learns on its way. A response
/// with a problem has them too.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    snapshot: Mutex<NotesSnapshot>,
    operator: OnceLock<String>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NotesSnapshot {
    /// The tier that counted the request, and the decision of its limit.
    pub(crate) limit: Option<(&'static str, Decision)>,
    pub(crate) cache: Option<CacheOutcome>,
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, NotesSnapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_limit(&self, tier: &'static str, decision: Decision) {
        self.lock().limit = Some((tier, decision));
    }

    pub(crate) fn set_cache(&self, outcome: CacheOutcome) {
        self.lock().cache = Some(outcome);
    }

    /// Sets the operator who sent the request. The first one counts.
    pub(crate) fn set_operator(&self, name: &str) {
        self.operator.get_or_init(|| name.to_owned());
    }

    /// The operator who sent the request, by the name in the audit log.
    pub(crate) fn operator(&self) -> Option<&str> {
        self.operator.get().map(String::as_str)
    }

    pub(crate) fn snapshot(&self) -> NotesSnapshot {
        *self.lock()
    }
}
