//! Responses with an id and a status alone.

use super::*;

/// A response may have the id and the status alone. The resource is then asked for by its id.
#[test]
fn minimal_response_is_completed_by_id() {
    const MINIMAL: &str = r#"{"id":"N","status":"CREATED","links":[]}"#;
    let complete = |status: &str| -> &'static str {
        format!(r#"{{"id":"N","status":"{status}","amount":{{"currency_code":"USD","value":"237.60"}}}}"#)
            .leak()
    };
    let (result, _) = exchange(201, MINIMAL, async |paypal| {
        paypal.reauthorize("P:1", "A", money()).await
    });
    let authorization = result.unwrap();
    assert_eq!(
        (authorization.id.as_str(), authorization.money),
        ("N", money()),
        "its id is enough"
    );

    let (result, get) = exchange_all(
        [(201, MINIMAL), (200, complete("DECLINED"))],
        async |paypal| paypal.capture_authorization("P:1", "A", money()).await,
    );
    assert_eq!(result.unwrap().status, CaptureStatus::Declined);
    assert_eq!(shown(&get), "GET /v2/payments/captures/N - ");

    let (result, get) = exchange_all(
        [(201, MINIMAL), (200, complete("PENDING"))],
        async |paypal| {
            paypal
                .refund_capture("P:1", "C", money(), Uuid::nil())
                .await
        },
    );
    assert_eq!(result.unwrap().status, RefundStatus::Pending);
    assert_eq!(shown(&get), "GET /v2/payments/refunds/N - ");
}

/// PayPal has acted, so no answer to the question by id is a refusal.
#[test]
fn minimal_response_stays_unknown_without_answer_by_id() {
    const MINIMAL: &str = r#"{"id":"N","status":"COMPLETED"}"#;
    for answer in [
        (404, r#"{"name":"RESOURCE_NOT_FOUND"}"#),
        (429, r#"{"name":"RATE_LIMIT_REACHED"}"#),
        (
            403,
            r#"{"name":"NOT_AUTHORIZED","details":[{"issue":"PERMISSION_DENIED"}]}"#,
        ),
        (200, MINIMAL),
    ] {
        let (result, _) = exchange_all([(201, MINIMAL), answer], async |paypal| {
            paypal.capture_authorization("P:1", "A", money()).await
        });
        assert_eq!(result.unwrap_err().code(), "unknown", "{answer:?}");
    }
    for body in [
        "{}",
        r#"{"id":"N"}"#,
        r#"{"id":"N","status":""}"#,
        "<html></html>",
    ] {
        let (result, request) = exchange(201, body, async |paypal| {
            paypal.capture_authorization("P:1", "A", money()).await
        });
        assert_eq!(result.unwrap_err().code(), "unknown", "{body}");
        assert_eq!(request.method(), Method::POST, "{body}");
    }
}
