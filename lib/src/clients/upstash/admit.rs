//! The script `admit.lua`: its request and its reply.

use super::{Command, Lease, RedisError, Script, Upstash, Value};
use crate::domain::rate_limit::{Client, Rule, Tier, Weights};

/// The script that admits a request.
pub static ADMIT: Script = Script {
    source: include_str!("admit.lua"),
    sha1: "05b40acad5edb0feeb5bf130f1fa875a94d6dd50",
};

/// Lifetime of an epoch or a generation in Redis.
pub(crate) const GENERATION_SECONDS: u64 = 24 * 3_600;

/// Stands for a counter where nobody is counted.
const NO_COUNTER: &str = "limit:none";

/// The two counters of a client, and the limit that both must keep to.
#[derive(Debug)]
pub(crate) struct LimitCounters {
    current: String,
    previous: String,
    weights: Weights,
    /// The lifetime of a counter: it matters in its own window and the next.
    seconds: u64,
}

impl LimitCounters {
    /// The counters of `client` at `now` (milliseconds since the Unix epoch).
    #[must_use]
    pub(crate) fn new(tier: Tier, client: &Client, rule: Rule, now: u64) -> Self {
        let index = rule.window_index(now);
        let key = |index: u64| format!("limit:{}:{client}:{index}", tier.name());
        Self {
            current: key(index),
            previous: key(index.saturating_sub(1)),
            weights: rule.weights(now),
            seconds: 2 * u64::from(rule.window_seconds),
        }
    }
}

/// The step that a request takes when it is admitted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AdmitStep<'a> {
    /// None: the request is only counted.
    Count,
    /// Take a lease.
    Lease(&'a Lease),
    /// Read a cached response, or take the lease to load it.
    Lookup {
        lease: &'a Lease,
        /// The keys of the envelope, its epoch and its generation.
        keys: &'a [String; 3],
        /// Milliseconds since the Unix epoch, for freshness.
        now: i64,
        /// The validator of the body that the reader has. Empty without one.
        known_etag: &'a str,
    },
}

/// One call of the script. Without `counters` nobody is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdmitRequest<'a> {
    pub(crate) counters: Option<&'a LimitCounters>,
    pub(crate) step: AdmitStep<'a>,
}

/// Requests of a client in the current window, this one included, and in the previous window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowCounts {
    pub(crate) current: u64,
    pub(crate) previous: u64,
}

/// The reply to an [`AdmitRequest`].
#[derive(Debug)]
pub(crate) enum AdmitReply {
    /// One request too many. Nothing has changed.
    Denied(WindowCounts),
    /// The step is done.
    Admitted {
        counts: WindowCounts,
        has_lease: bool,
        /// For a lookup alone.
        entry: Option<StoredEntry>,
    },
}

/// A lookup's result as Redis stores it.
#[derive(Debug)]
pub(crate) struct StoredEntry {
    /// The envelope, or its head where the reader has the body.
    pub(crate) envelope: Option<String>,
    /// Epoch and generation in one word, as in envelopes.
    pub(crate) generation: String,
}

impl AdmitReply {
    /// The counts on which the decision rests.
    #[must_use]
    pub(crate) fn counts(&self) -> WindowCounts {
        match self {
            Self::Denied(counts) | Self::Admitted { counts, .. } => *counts,
        }
    }
}

impl Upstash<'_> {
    /// Runs the script in one round trip.
    pub(crate) async fn admit(&self, request: &AdmitRequest<'_>) -> Result<AdmitReply, RedisError> {
        let replies = self.pipeline(&[request.encode()]).await?;
        let reply = replies.into_iter().next().and_then(Value::into_list);
        request.decode(reply.ok_or(RedisError::Undecodable)?)
    }
}

impl AdmitRequest<'_> {
    fn encode(&self) -> Command {
        let (lease, lookup) = match self.step {
            AdmitStep::Count => (None, None),
            AdmitStep::Lease(lease) => (Some(lease), None),
            AdmitStep::Lookup {
                lease,
                keys,
                now,
                known_etag,
            } => (Some(lease), Some((keys, now, known_etag))),
        };
        let [current, previous] = match self.counters {
            Some(counters) => [counters.current.clone(), counters.previous.clone()],
            None => [NO_COUNTER, NO_COUNTER].map(ToOwned::to_owned),
        };
        let mut keys = vec![current, previous];
        keys.extend(lease.map(|lease| lease.key.clone()));
        keys.extend(lookup.into_iter().flat_map(|(keys, ..)| keys.clone()));
        let of_counters = |text: fn(&LimitCounters) -> u64| {
            self.counters
                .map_or_else(String::new, |counters| text(counters).to_string())
        };
        let arguments = [
            of_counters(|counters| counters.weights.most),
            of_counters(|counters| counters.weights.current),
            of_counters(|counters| counters.weights.previous),
            of_counters(|counters| counters.seconds),
            lease.map_or_else(String::new, |lease| lease.owner.clone()),
            lease.map_or_else(String::new, |lease| lease.millis.to_string()),
            lookup.map_or_else(String::new, |(_, now, _)| now.to_string()),
            lookup.map_or_else(String::new, |(_, _, etag)| etag.to_owned()),
            GENERATION_SECONDS.to_string(),
        ];
        Command::run(&ADMIT, keys, arguments)
    }

    fn decode(&self, reply: Vec<Value>) -> Result<AdmitReply, RedisError> {
        let mut parts = reply.into_iter();
        let mut count = || {
            let number = parts.next().and_then(|part| part.as_integer());
            number
                .and_then(|number| u64::try_from(number).ok())
                .ok_or(RedisError::Undecodable)
        };
        let counts = WindowCounts {
            current: count()?,
            previous: count()?,
        };
        let Some(leased) = parts.next() else {
            return Ok(AdmitReply::Denied(counts));
        };
        let entry = match self.step {
            AdmitStep::Count | AdmitStep::Lease(_) => None,
            AdmitStep::Lookup { .. } => {
                let mut part = || parts.next().ok_or(RedisError::Undecodable);
                Some(StoredEntry {
                    envelope: part()?.into_text(),
                    generation: part()?.into_text().ok_or(RedisError::Undecodable)?,
                })
            }
        };
        Ok(AdmitReply::Admitted {
            counts,
            has_lease: leased == Value::Integer(1),
            entry,
        })
    }
}
