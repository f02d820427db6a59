//! When a run claims more and when it ends, against upstreams that always answer and take their
//! time.

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

/// A database with due payments, and a PayPal.
struct Upstreams {
    now: Mutex<Timestamp>,
    /// Still due.
    due: Mutex<u32>,
    /// Whether earlier attempts have no known outcome.
    is_resumed: bool,
    /// How long PayPal takes.
    pause: SignedDuration,
    /// Whether PayPal asks to slow down.
    is_busy: bool,
    asked: Mutex<Vec<(String, Value)>>,
}

impl Upstreams {
    fn new(due: u32, pause: SignedDuration) -> Self {
        Self {
            now: Mutex::new(Timestamp::UNIX_EPOCH),
            due: Mutex::new(due),
            is_resumed: false,
            pause,
            is_busy: false,
            asked: Mutex::default(),
        }
    }

    /// The bodies of what was asked under a path that ends so.
    fn asked(&self, path: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        let of_path = asked.iter().filter(|(asked, _)| asked.ends_with(path));
        of_path.map(|(_, body)| body.clone()).collect()
    }

    fn claims(&self, limit: u32) -> Value {
        let mut due = self.due.lock().unwrap();
        let claimed = limit.min(*due);
        *due -= claimed;
        let claim = json!({
            "paymentId": Uuid::nil(), "bookingId": Uuid::nil(), "reference": "EXO-222222", "lease": Uuid::nil(), "orderId": "O",
            "authorizationId": "A", "amount": "10.00", "authorizedAmount": "10.00", "currency": "USD", "attempt": 3, "requestId": "R", "resumed": self.is_resumed,
            "reauthorizeRequestId": null,
        });
        json!(vec![claim; usize::try_from(claimed).unwrap()])
    }

    fn answer(&self, path: &str, body: &Value) -> (u16, Value) {
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
        *now = now.checked_add(self.pause).unwrap();
        if self.is_busy {
            return (429, json!({ "name": "RATE_LIMIT_REACHED" }));
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
        let (status, answer) = self.answer(&path, &body);
        self.asked.lock().unwrap().push((path, body));
        let response = http::Response::builder()
            .status(status)
            .header("retry-after", "120")
            .body(Bytes::from(answer.to_string()))
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

/// A run that has four minutes.
fn run(upstreams: Upstreams) -> (Vec<CaptureResult>, Arc<Upstreams>) {
    let config = scripted::config(&[], &[]).unwrap();
    let upstreams = Arc::new(upstreams);
    let app = App::new(config, Arc::clone(&upstreams) as Arc<dyn Platform>);
    let deadline = Deadline::after(Timestamp::UNIX_EPOCH, Duration::from_secs(240));
    let results = capture_due(&app, deadline).now_or_never().unwrap();
    (results.unwrap(), upstreams)
}

const CLAIM: &str = "/process_scheduled_payment_captures";

#[test]
fn while_there_is_time_a_run_goes_on_to_the_last() {
    let (results, upstreams) = run(Upstreams::new(1_000, SignedDuration::from_millis(100)));
    assert_eq!(results.len(), 1_000);
    assert!(results.iter().all(|captured| captured.result.is_ok()));
    assert_eq!(upstreams.asked("/capture").len(), 1_000);
    assert_eq!(
        upstreams.asked(CLAIM).len(),
        32,
        "31 full batches and the rest"
    );
}

/// Sixty seconds a batch: after the third the last ninety seconds have begun.
#[test]
fn a_run_that_is_short_of_time_claims_no_more() {
    let (results, upstreams) = run(Upstreams::new(1_000, SignedDuration::from_millis(1_875)));
    assert_eq!(upstreams.asked(CLAIM).len(), 3);
    assert_eq!(results.len(), 96, "all that it claimed is worked off");
    assert!(results.iter().all(|captured| captured.result.is_ok()));
    assert_eq!(*upstreams.due.lock().unwrap(), 904);
}

/// What was not asked because PayPal is busy waits as long as PayPal wants, and is no clearer than
/// it was.
#[test]
fn a_busy_paypal_is_asked_for_no_more_and_doubts_stay() {
    for (is_resumed, kind) in [(false, "retryable"), (true, "unknown")] {
        let (results, upstreams) = run(Upstreams {
            is_busy: true,
            is_resumed,
            ..Upstreams::new(1_000, SignedDuration::ZERO)
        });
        let asked = upstreams.asked("/capture").len() + upstreams.asked("/orders/O").len();
        assert!((1..=PARALLEL).contains(&asked), "{asked}");
        assert_eq!(results.len(), 32);
        let failures = upstreams.asked("/record_capture_failure");
        assert_eq!(failures.len(), 32);
        for failure in failures {
            assert_eq!(failure["p_kind"], kind);
            assert_eq!(failure["p_error_code"], "rate_limited");
            assert_eq!(failure["p_retry_at"], "1970-01-01T00:02:00Z");
        }
    }
}
