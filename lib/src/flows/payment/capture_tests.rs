//! The end of a run: upstreams that always respond, and a PayPal that takes time.

use super::*;
use crate::{
    platform::{Platform, TransportError},
    scripted,
};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A database with due payments, and PayPal.
struct Upstreams {
    now: Mutex<Timestamp>,
    /// Payments that are due and not claimed.
    due: Mutex<u32>,
    /// Whether earlier attempts have no known outcome.
    is_resumed: bool,
    /// The duration of a call to PayPal.
    latency: SignedDuration,
    /// Whether PayPal responds with 429.
    is_rate_limited: bool,
    /// The status and body with which PayPal refuses captures.
    refusal: Option<(u16, &'static str)>,
    /// The captures that PayPal's order lists: id, status and amount.
    listed: &'static [(&'static str, &'static str, &'static str)],
    requests: Mutex<Vec<(String, Value)>>,
}

impl Upstreams {
    fn new(due: u32, latency: SignedDuration) -> Self {
        Self {
            now: Mutex::new(Timestamp::UNIX_EPOCH),
            due: Mutex::new(due),
            is_resumed: false,
            latency,
            is_rate_limited: false,
            refusal: None,
            listed: &[],
            requests: Mutex::default(),
        }
    }

    /// The bodies of the requests whose path ends with `suffix`.
    fn bodies(&self, suffix: &str) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        let matches = requests.iter().filter(|(path, _)| path.ends_with(suffix));
        matches.map(|(_, body)| body.clone()).collect()
    }

    fn claims(&self, limit: u32) -> Value {
        let mut due = self.due.lock().unwrap();
        let claimed = limit.min(*due);
        *due -= claimed;
        let claim = json!({
            "paymentId": Uuid::nil(), "bookingId": Uuid::nil(), "reference": "EXO-222222",
            "lease": Uuid::nil(), "orderId": "O", "authorizationId": "A",
            "originalAuthorizationId": "A", "amount": "10.00", "authorizedAmount": "10.00",
            "currency": "USD", "attempt": 3, "requestId": "R", "resumed": self.is_resumed,
            "lookOnly": false, "reauthorizeRequestId": null,
        });
        json!(vec![claim; usize::try_from(claimed).unwrap()])
    }

    fn respond(&self, path: &str, body: &Value) -> (u16, Value) {
        if path.ends_with("/process_scheduled_payment_captures") {
            let limit = body["p_limit"].as_u64().unwrap();
            return (200, self.claims(u32::try_from(limit).unwrap()));
        }
        if path.contains("/rpc/") {
            return (200, json!({ "outcome": "recorded" }));
        }
        if path.ends_with("/token") {
            return (200, json!({ "access_token": "t", "expires_in": 32_400 }));
        }
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(self.latency).unwrap();
        if self.is_rate_limited {
            return (429, json!({ "name": "RATE_LIMIT_REACHED" }));
        }
        if let Some((status, body)) = self.refusal {
            return (status, serde_json::from_str(body).unwrap());
        }
        if path.ends_with("/orders/O") {
            let captures: Vec<Value> = self
                .listed
                .iter()
                .map(|(id, status, value)| json!({ "id": id, "status": status, "amount": { "currency_code": "USD", "value": value } }))
                .collect();
            let payments = json!({ "captures": captures });
            return (
                200,
                json!({ "id": "O", "purchase_units": [{ "payments": payments }] }),
            );
        }
        let amount = json!({ "currency_code": "USD", "value": "10.00" });
        (
            201,
            json!({ "id": "C", "status": "COMPLETED", "amount": amount }),
        )
    }
}

impl Platform for Upstreams {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let path = request.uri().path().to_owned();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let (status, result) = self.respond(&path, &body);
        self.requests.lock().unwrap().push((path, body));
        let response = http::Response::builder()
            .status(status)
            .header("retry-after", "120")
            .body(Bytes::from(result.to_string()))
            .unwrap();
        async move { Ok(response) }.boxed()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        std::future::pending().boxed()
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn random(&self) -> [u8; 32] {
        [7; 32]
    }

    fn after_response(&self, _: BoxFuture<'static, ()>) {}
}

/// Runs the captures with a deadline of four minutes.
fn run(upstreams: Upstreams) -> (Vec<CaptureResult>, Arc<Upstreams>) {
    run_for(upstreams, 240)
}

fn run_for(upstreams: Upstreams, seconds: u64) -> (Vec<CaptureResult>, Arc<Upstreams>) {
    let config = scripted::config(&[], &[]).unwrap();
    let upstreams = Arc::new(upstreams);
    let app = App::new(config, Arc::clone(&upstreams) as Arc<dyn Platform>);
    let deadline = Deadline::after(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds));
    let stop = SharedStop::new();
    let limits = RunLimits::of_request(deadline, &stop);
    let results = capture_due(&app, &limits).now_or_never().unwrap();
    (results.unwrap(), upstreams)
}

const CLAIM: &str = "/process_scheduled_payment_captures";

#[test]
fn run_ends_when_nothing_is_due() {
    let (results, upstreams) = run(Upstreams::new(1_000, SignedDuration::from_millis(100)));
    assert_eq!(results.len(), 1_000);
    assert!(results.iter().all(|result| result.result.is_ok()));
    assert_eq!(upstreams.bodies("/capture").len(), 1_000);
    assert_eq!(
        upstreams.bodies(CLAIM).len(),
        32,
        "31 full batches and the rest"
    );
}

/// A batch takes 60 seconds. Less than 90 seconds are left after the third.
#[test]
fn late_run_claims_no_further_batch() {
    let (results, upstreams) = run(Upstreams::new(1_000, SignedDuration::from_millis(1_875)));
    assert_eq!(upstreams.bodies(CLAIM).len(), 3);
    assert_eq!(results.len(), 96, "all claimed payments are captured");
    assert!(results.iter().all(|result| result.result.is_ok()));
    assert_eq!(*upstreams.due.lock().unwrap(), 904);
}

/// Nothing is claimed when a batch cannot end in time.
#[test]
fn short_run_claims_nothing() {
    let (results, upstreams) = run_for(Upstreams::new(5, SignedDuration::ZERO), 89);
    assert_eq!((results.len(), upstreams.bodies(CLAIM).len()), (0, 0));
    let (results, _) = run_for(Upstreams::new(5, SignedDuration::ZERO), 90);
    assert_eq!(results.len(), 5);
}

/// A call takes 20 seconds at most. Without that time it is not made, and the next run takes the
/// payment at once.
#[test]
fn late_calls_are_not_made() {
    let (_, upstreams) = run_for(Upstreams::new(32, SignedDuration::from_secs(5)), 90);
    let calls = upstreams.bodies("/capture").len();
    assert_eq!(calls, 15, "calls at 0, 5, … 70 seconds");
    let failures = upstreams.bodies("/record_capture_failure");
    assert_eq!(failures.len(), 32 - calls);
    for failure in failures {
        assert_eq!(failure["p_kind"], "retryable");
        assert_eq!(failure["p_retry_at"], "1970-01-01T00:01:15Z");
    }
}

/// The first refusal of our account ends the run. It is a finding about the payment that met it,
/// and the others are released.
#[test]
fn refusal_of_account_ends_run() {
    let (results, upstreams) = run(Upstreams {
        refusal: Some((
            403,
            r#"{"name":"NOT_AUTHORIZED","details":[{"issue":"PERMISSION_DENIED"}]}"#,
        )),
        ..Upstreams::new(1_000, SignedDuration::ZERO)
    });
    let calls = upstreams.bodies("/capture").len();
    assert!((1..=PARALLEL).contains(&calls), "{calls}");
    assert_eq!(upstreams.bodies("/record_finding").len(), calls);
    assert_eq!(results.len(), 32);
    let failures = upstreams.bodies("/record_capture_failure");
    assert!(
        failures
            .iter()
            .all(|failure| failure["p_kind"] == "retryable")
    );
    let met = failures
        .iter()
        .filter(|failure| failure["p_error_code"] == "PERMISSION_DENIED");
    assert_eq!(met.count(), calls);
}

/// Payments without a call wait as long as PayPal asks for. An unknown outcome stays unknown.
#[test]
fn rate_limit_ends_run_and_keeps_doubts() {
    for (is_resumed, kind) in [(false, "retryable"), (true, "unknown")] {
        let (results, upstreams) = run(Upstreams {
            is_rate_limited: true,
            is_resumed,
            ..Upstreams::new(1_000, SignedDuration::ZERO)
        });
        let calls = upstreams.bodies("/capture").len() + upstreams.bodies("/orders/O").len();
        assert!((1..=PARALLEL).contains(&calls), "{calls}");
        assert_eq!(results.len(), 32);
        let failures = upstreams.bodies("/record_capture_failure");
        assert_eq!(failures.len(), 32);
        for failure in failures {
            assert_eq!(failure["p_kind"], kind);
            assert_eq!(failure["p_error_code"], "rate_limited");
            assert_eq!(failure["p_retry_at"], "1970-01-01T00:02:00Z");
        }
    }
}

/// After an attempt without a known outcome, PayPal lists captures. Each case has the listed ones,
/// the id of the result, those that are recorded as ours and as observed, and the new calls.
#[test]
fn only_capture_of_ordered_amount_is_ours() {
    type Case = (
        &'static [(&'static str, &'static str, &'static str)],
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
        usize,
    );
    let cases: [Case; 6] = [
        (&[], "C", &["C"], &[], 1),
        (&[("A", "COMPLETED", "10.00")], "A", &["A"], &[], 0),
        (&[("A", "COMPLETED", "2.00")], "A", &[], &["A"], 0),
        (
            &[("A", "COMPLETED", "2.00"), ("B", "COMPLETED", "10.00")],
            "B",
            &["B"],
            &[],
            0,
        ),
        (
            &[("A", "PENDING", "2.00"), ("B", "COMPLETED", "3.00")],
            "B",
            &[],
            &["A", "B"],
            0,
        ),
        (&[("A", "DECLINED", "2.00")], "C", &["C"], &[], 1),
    ];
    for (listed, id, ours, observed, calls) in cases {
        let (results, upstreams) = run(Upstreams {
            is_resumed: true,
            listed,
            ..Upstreams::new(1, SignedDuration::ZERO)
        });
        let made = results[0].result.as_ref().unwrap();
        assert_eq!((made.id.as_str(), made.is_pending), (id, false));
        let recorded = |function: &str| -> Vec<String> {
            let bodies = upstreams.bodies(function).into_iter();
            bodies
                .map(|body| body["p_capture_id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(recorded("/record_capture"), ours, "{listed:?}");
        assert_eq!(recorded("/record_observed_capture"), observed, "{listed:?}");
        assert_eq!(upstreams.bodies("/capture").len(), calls, "{listed:?}");
    }
}
