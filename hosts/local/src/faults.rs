//! Injected faults: an upstream's requests are delayed or refused, or get a false response.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// One fault, as the control API receives it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fault {
    kind: Kind,
    #[serde(default)]
    delay_ms: u64,
    #[serde(default = "default_status")]
    status: u16,
    #[serde(default)]
    body: String,
    /// Headers of the false response, beside its media type.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Matches only requests whose path and query contain this.
    path: Option<String>,
    /// Fires only for every n-th matching request.
    every: Option<u64>,
    /// The fault is removed after it has fired this often.
    times: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Removes all faults of the upstream.
    None,
    /// The connection closes before the upstream sees the request.
    Refuse,
    /// The request waits before it reaches the upstream.
    Delay,
    /// The client gets a false response, and the upstream does not see the request.
    Answer,
    /// Like `Answer`, but each command of a Redis pipeline gets the body as its reply.
    AnswerEach,
    /// The upstream acts on the request, then the connection closes without a response.
    DropAnswer,
}

fn default_status() -> u16 {
    503
}

impl Fault {
    /// The reason why this fault is invalid, if it is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if matches!(self.kind, Kind::Answer | Kind::AnswerEach)
            && !(200..=599).contains(&self.status)
        {
            return Some("status must be from 200 to 599");
        }
        if self.header_map().is_none() {
            return Some("headers must be valid HTTP header names and values");
        }
        (self.every == Some(0)).then_some("every must be at least 1")
    }

    fn header_map(&self) -> Option<HeaderMap> {
        self.headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::try_from(name).ok()?;
                Some((name, HeaderValue::try_from(value).ok()?))
            })
            .collect()
    }
}

/// The treatment of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The wait before the outcome.
    pub(crate) delay: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Served,
    /// The connection closes before the upstream sees the request.
    Refused,
    /// The client gets a false response.
    Replaced {
        status: u16,
        headers: HeaderMap,
        body: String,
        /// Each command of a pipeline gets the body as its reply.
        each: bool,
    },
    /// The connection closes after the upstream has acted.
    ResponseDropped,
}

/// One upstream's faults and its count of requests.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    requests: AtomicU64,
    faults: Mutex<Vec<ActiveFault>>,
}

#[derive(Debug)]
struct ActiveFault {
    fault: Fault,
    matched: u64,
    fired: u64,
}

impl Upstream {
    /// Adds a fault. The kind `none` removes all.
    pub(crate) fn add(&self, fault: Fault) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.kind == Kind::None {
            faults.clear();
        } else {
            faults.push(ActiveFault {
                fault,
                matched: 0,
                fired: 0,
            });
        }
    }

    /// Requests so far, including those with a fault.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Counts a request and decides its treatment. Delays add up, and the first other fault that
    /// applies sets the outcome.
    pub(crate) fn decide(&self, path_and_query: &str) -> Verdict {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut verdict = Verdict {
            delay: Duration::ZERO,
            outcome: Outcome::Served,
        };
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        for active in faults.iter_mut() {
            if active.fault.kind != Kind::Delay && verdict.outcome != Outcome::Served {
                continue;
            }
            if !active.fires(path_and_query) {
                continue;
            }
            match active.fault.kind {
                Kind::None => {}
                Kind::Delay => verdict.delay += Duration::from_millis(active.fault.delay_ms),
                Kind::Refuse => verdict.outcome = Outcome::Refused,
                Kind::DropAnswer => verdict.outcome = Outcome::ResponseDropped,
                Kind::Answer | Kind::AnswerEach => {
                    verdict.outcome = Outcome::Replaced {
                        status: active.fault.status,
                        headers: active.fault.header_map().unwrap_or_default(),
                        body: active.fault.body.clone(),
                        each: active.fault.kind == Kind::AnswerEach,
                    };
                }
            }
        }
        faults.retain(|active| active.fault.times.is_none_or(|times| active.fired < times));
        verdict
    }
}

impl ActiveFault {
    fn fires(&mut self, path_and_query: &str) -> bool {
        if self
            .fault
            .path
            .as_ref()
            .is_some_and(|part| !path_and_query.contains(part.as_str()))
        {
            return false;
        }
        if self.fault.times.is_some_and(|times| self.fired >= times) {
            return false;
        }
        self.matched += 1;
        let is_turn = self
            .fault
            .every
            .is_none_or(|every| self.matched.is_multiple_of(every));
        if is_turn {
            self.fired += 1;
        }
        is_turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn upstream(faults: Value) -> Upstream {
        let upstream = Upstream::default();
        for fault in serde_json::from_value::<Vec<Fault>>(faults).unwrap() {
            upstream.add(fault);
        }
        upstream
    }

    fn outcomes(upstream: &Upstream, path: &str, count: usize) -> Vec<Outcome> {
        (0..count).map(|_| upstream.decide(path).outcome).collect()
    }

    #[test]
    fn path_every_and_times_narrow_a_fault() {
        use Outcome::{ResponseDropped as Dropped, Served};
        let upstream =
            upstream(json!([{"kind": "drop_answer", "path": "/capture", "every": 2, "times": 2}]));
        assert_eq!(outcomes(&upstream, "/v2/orders", 2), [Served, Served]);
        assert_eq!(
            outcomes(&upstream, "/v2/x/capture", 6),
            [Served, Dropped.clone(), Served, Dropped, Served, Served]
        );
        assert_eq!(upstream.requests(), 8);
    }

    #[test]
    fn delays_add_up_and_first_other_fault_decides() {
        let upstream = upstream(json!([
            {"kind": "delay", "delayMs": 20},
            {"kind": "answer", "status": 429, "body": "slow down", "headers": {"retry-after": "7"}, "times": 1},
            {"kind": "refuse", "times": 1},
            {"kind": "delay", "delayMs": 5}
        ]));
        let first = upstream.decide("/");
        assert_eq!(first.delay, Duration::from_millis(25));
        assert_eq!(
            first.outcome,
            Outcome::Replaced {
                status: 429,
                headers: HeaderMap::from_iter([(
                    http::header::RETRY_AFTER,
                    HeaderValue::from_static("7")
                )]),
                body: "slow down".to_owned(),
                each: false,
            }
        );
        assert_eq!(upstream.decide("/").outcome, Outcome::Refused);
        assert_eq!(upstream.decide("/").outcome, Outcome::Served);
    }

    #[test]
    fn one_operation_hangs() {
        let upstream = upstream(json!([{"kind": "delay", "delayMs": 20_000, "path": "/void"}]));
        let delay = |path: &str| upstream.decide(path).delay;
        let authorization = "/v2/payments/authorizations/A";
        assert_eq!(
            delay(&format!("{authorization}/void")),
            Duration::from_secs(20)
        );
        assert_eq!(delay(&format!("{authorization}/capture")), Duration::ZERO);
        assert_eq!(delay(authorization), Duration::ZERO);
    }

    #[test]
    fn kind_none_removes_all_faults() {
        let upstream = upstream(json!([{"kind": "refuse"}, {"kind": "none"}]));
        assert_eq!(upstream.decide("/").outcome, Outcome::Served);
    }

    #[test]
    fn invalid_faults_are_refused() {
        let fault = |value: Value| serde_json::from_value::<Fault>(value);
        assert!(fault(json!({"kind": "explode"})).is_err());
        assert!(fault(json!({"kind": "delay", "delay": 5})).is_err());
        assert!(
            fault(json!({"kind": "answer", "status": 99}))
                .unwrap()
                .problem()
                .is_some()
        );
        assert!(
            fault(json!({"kind": "refuse", "every": 0}))
                .unwrap()
                .problem()
                .is_some()
        );
        let bad_header = json!({"kind": "answer", "headers": {"retry after": "7"}});
        assert!(fault(bad_header).unwrap().problem().is_some());
        assert_eq!(fault(json!({"kind": "answer"})).unwrap().problem(), None);
    }
}
