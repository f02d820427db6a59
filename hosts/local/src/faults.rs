//! Trouble on demand: what happens to requests to an upstream instead of their answers.

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

/// One kind of trouble, as the control API is told.
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
    /// Of the other answer, beside its media type.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Only requests whose path and query contain this.
    path: Option<String>,
    /// Only each n-th of these.
    every: Option<u64>,
    /// Only so many times.
    times: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Clears the upstream's faults.
    None,
    /// The connection closes before the upstream sees the request.
    Refuse,
    /// The request waits first.
    Delay,
    /// Another answer is given; the upstream does not see the request.
    Answer,
    /// Each command of a pipeline to Redis is answered with the body; any other request gets it once, with the status.
    AnswerEach,
    /// The upstream acts on the request, then the connection closes without an answer.
    DropAnswer,
}

fn default_status() -> u16 {
    503
}

impl Fault {
    /// What about this fault makes no sense, if anything.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if matches!(self.kind, Kind::Answer | Kind::AnswerEach)
            && !(200..=599).contains(&self.status)
        {
            return Some("status must be from 200 to 599");
        }
        if self.header_map().is_none() {
            return Some("headers must be names and values of HTTP");
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

/// What to do with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// To be waited before anything else.
    pub(crate) delay: Duration,
    pub(crate) outcome: Outcome,
}

/// How a request ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it should.
    Served,
    /// The connection closes, nothing has happened.
    Refused,
    /// Somebody else's answer.
    Answered {
        status: u16,
        headers: HeaderMap,
        body: String,
        /// Of a pipeline, each command gets the body as its own.
        each: bool,
    },
    /// The connection closes, all has happened.
    AnswerDropped,
}

/// One upstream's faults and how many requests it got.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    requests: AtomicU64,
    faults: Mutex<Vec<Armed>>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    matched: u64,
    fired: u64,
}

impl Upstream {
    /// Adds a fault, or clears them all when its kind is `none`.
    pub(crate) fn arm(&self, fault: Fault) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.kind == Kind::None {
            faults.clear();
        } else {
            faults.push(Armed {
                fault,
                matched: 0,
                fired: 0,
            });
        }
    }

    /// Requests so far, those that met a fault included.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Counts a request and decides about it: delays add up, the first other fault that applies decides.
    pub(crate) fn judge(&self, path_and_query: &str) -> Verdict {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut verdict = Verdict {
            delay: Duration::ZERO,
            outcome: Outcome::Served,
        };
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        for armed in faults.iter_mut() {
            if armed.fault.kind != Kind::Delay && verdict.outcome != Outcome::Served {
                continue;
            }
            if !armed.applies(path_and_query) {
                continue;
            }
            match armed.fault.kind {
                Kind::None => {}
                Kind::Delay => verdict.delay += Duration::from_millis(armed.fault.delay_ms),
                Kind::Refuse => verdict.outcome = Outcome::Refused,
                Kind::DropAnswer => verdict.outcome = Outcome::AnswerDropped,
                Kind::Answer | Kind::AnswerEach => {
                    verdict.outcome = Outcome::Answered {
                        status: armed.fault.status,
                        headers: armed.fault.header_map().unwrap_or_default(),
                        body: armed.fault.body.clone(),
                        each: armed.fault.kind == Kind::AnswerEach,
                    };
                }
            }
        }
        faults.retain(|armed| armed.fault.times.is_none_or(|times| armed.fired < times));
        verdict
    }
}

impl Armed {
    fn applies(&mut self, path_and_query: &str) -> bool {
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
            upstream.arm(fault);
        }
        upstream
    }

    fn outcomes(upstream: &Upstream, path: &str, count: usize) -> Vec<Outcome> {
        (0..count).map(|_| upstream.judge(path).outcome).collect()
    }

    #[test]
    fn a_path_a_turn_and_a_number_narrow_a_fault() {
        use Outcome::{AnswerDropped as Dropped, Served};
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
    fn delays_add_up_and_the_first_other_fault_decides() {
        let upstream = upstream(json!([
            {"kind": "delay", "delayMs": 20},
            {"kind": "answer", "status": 429, "body": "slow down", "headers": {"retry-after": "7"}, "times": 1},
            {"kind": "refuse", "times": 1},
            {"kind": "delay", "delayMs": 5}
        ]));
        let first = upstream.judge("/");
        assert_eq!(first.delay, Duration::from_millis(25));
        assert_eq!(
            first.outcome,
            Outcome::Answered {
                status: 429,
                headers: HeaderMap::from_iter([(
                    http::header::RETRY_AFTER,
                    HeaderValue::from_static("7")
                )]),
                body: "slow down".to_owned(),
                each: false,
            }
        );
        assert_eq!(upstream.judge("/").outcome, Outcome::Refused);
        assert_eq!(upstream.judge("/").outcome, Outcome::Served);
    }

    #[test]
    fn none_clears() {
        let upstream = upstream(json!([{"kind": "refuse"}, {"kind": "none"}]));
        assert_eq!(upstream.judge("/").outcome, Outcome::Served);
    }

    #[test]
    fn nonsense_is_named() {
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
        let odd = json!({"kind": "answer", "headers": {"retry after": "7"}});
        assert!(fault(odd).unwrap().problem().is_some());
        assert_eq!(fault(json!({"kind": "answer"})).unwrap().problem(), None);
    }
}
