//! The requests of each call, byte by byte, and the responses that are understood.

mod minimal;

use super::*;
use crate::{
    config::PayPalMode,
    domain::{
        money::{Amount, Currency, Money},
        observation::{
            AuthorizationStatus, CaptureStatus, Observation, OrderStatus, Refund, RefundStatus,
        },
        secret::Secret,
    },
    scripted::ScriptedPlatform,
};
use futures_util::FutureExt;
use uuid::Uuid;

const TOKEN: &str = r#"{"access_token":"t","expires_in":3600}"#;
const AUTHORIZATION: &str =
    r#"{"id":"A","status":"CREATED","amount":{"currency_code":"USD","value":"237.60"}}"#;
const REFUND: &str =
    r#"{"id":"R","status":"PENDING","amount":{"currency_code":"USD","value":"10.00"}}"#;

/// Makes one call, to which PayPal responds with `body`. Returns its result and its request.
fn exchange<T>(
    status: u16,
    body: &'static str,
    call: impl AsyncFnOnce(PayPal<'_>) -> T,
) -> (T, Request<Bytes>) {
    exchange_all([(status, body)], call)
}

/// Makes calls, to which PayPal gives these responses. Returns the result and the last request.
fn exchange_all<T>(
    responses: impl IntoIterator<Item = (u16, &'static str)>,
    call: impl AsyncFnOnce(PayPal<'_>) -> T,
) -> (T, Request<Bytes>) {
    let responses = [(200, TOKEN)].into_iter().chain(responses);
    let platform = ScriptedPlatform::new(responses.map(Ok));
    let config = Config {
        base_url: "http://paypal.test".into(),
        mode: PayPalMode::Sandbox,
        client_id: "id".into(),
        client_secret: Secret::new("secret".into()),
        webhook: None,
    };
    let (tokens, certificates) = (TokenCache::default(), CertificateCache::default());
    let deadline = Deadline::after(platform.now(), Duration::from_secs(10));
    let paypal = PayPal::new(&platform, &config, &tokens, &certificates, deadline);
    let result = call(paypal).now_or_never().unwrap();
    (result, platform.last_request())
}

fn money() -> Money {
    Money {
        amount: Amount::parse("237.6").unwrap(),
        currency: Currency::parse("USD").unwrap(),
    }
}

/// The request line, the request id and the body.
fn shown(request: &Request<Bytes>) -> String {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map_or("-", |id| id.to_str().unwrap())
    };
    assert_eq!(header("authorization"), "Bearer t");
    assert_eq!(header("content-type"), "application/json");
    let id = header("paypal-request-id");
    let prefer = if id == "-" {
        "-"
    } else {
        "return=representation"
    };
    assert_eq!(header("prefer"), prefer);
    let body = std::str::from_utf8(request.body()).unwrap();
    format!("{} {} {id} {body}", request.method(), request.uri().path())
}

#[test]
fn requests_are_exact() {
    let refund_id = Uuid::from_u128(7);
    let (_, get_order) = exchange(200, r#"{"id":"O"}"#, async |paypal| {
        paypal.get_order("O").await
    });
    let (_, authorize) = exchange(201, r#"{"id":"O"}"#, async |paypal| {
        paypal.authorize_order("P:1", "O").await
    });
    let (_, get) = exchange(200, AUTHORIZATION, async |paypal| {
        paypal.get_authorization("A").await
    });
    let (_, capture) = exchange(201, AUTHORIZATION, async |paypal| {
        paypal.capture_authorization("P:1", "A", money()).await
    });
    let (_, reauthorize) = exchange(201, AUTHORIZATION, async |paypal| {
        paypal.reauthorize("P:1", "A", money()).await
    });
    let (_, void) = exchange(204, "", async |paypal| {
        paypal.void_authorization("P:1", "A").await
    });
    let (_, get_capture) = exchange(200, AUTHORIZATION, async |paypal| {
        paypal.get_capture("C").await
    });
    let (_, refund) = exchange(201, REFUND, async |paypal| {
        paypal.refund_capture("P:1", "C", money(), refund_id).await
    });
    let (_, get_refund) = exchange(200, REFUND, async |paypal| paypal.get_refund("R").await);
    for (request, expected) in [
        (get_order, "GET /v2/checkout/orders/O - "),
        (authorize, "POST /v2/checkout/orders/O/authorize P:1 {}"),
        (get, "GET /v2/payments/authorizations/A - "),
        (
            capture,
            r#"POST /v2/payments/authorizations/A/capture P:1 {"amount":{"currency_code":"USD","value":"237.60"},"final_capture":true}"#,
        ),
        (
            reauthorize,
            r#"POST /v2/payments/authorizations/A/reauthorize P:1 {"amount":{"currency_code":"USD","value":"237.60"}}"#,
        ),
        (void, "POST /v2/payments/authorizations/A/void P:1 {}"),
        (get_capture, "GET /v2/payments/captures/C - "),
        (
            refund,
            r#"POST /v2/payments/captures/C/refund P:1 {"amount":{"currency_code":"USD","value":"237.60"},"custom_id":"00000000-0000-0000-0000-000000000007"}"#,
        ),
        (get_refund, "GET /v2/payments/refunds/R - "),
    ] {
        assert_eq!(shown(&request), expected);
    }
}

fn read_order(body: &'static str) -> Result<Observation, String> {
    let (result, _) = exchange(200, body, async |paypal| paypal.get_order("O").await);
    result.map_err(|error| error.code().to_owned())
}

/// An order with these payments.
fn order_with(payments: &str) -> &'static str {
    format!(r#"{{"id":"O","status":"COMPLETED","purchase_units":[{{"payments":{payments}}}]}}"#)
        .leak()
}

#[test]
fn whole_order_is_read() {
    let seen = read_order(order_with(
        r#"{
            "authorizations": [{
                "id": "A", "status": "PARTIALLY_CAPTURED",
                "amount": { "currency_code": "USD", "value": "237.60" },
                "expiration_time": "2030-02-08T00:00:00Z", "custom_id": "x", "links": []
            }],
            "captures": [{
                "id": "C", "status": "PENDING", "status_details": { "reason": "PENDING_REVIEW" },
                "amount": { "currency_code": "USD", "value": "100.00" }, "final_capture": false
            }],
            "refunds": [{
                "id": "R", "status": "COMPLETED",
                "amount": { "currency_code": "USD", "value": "10.00" },
                "custom_id": "00000000-0000-0000-0000-000000000007",
                "links": [
                    { "rel": "self", "href": "https://api-m.paypal.com/v2/payments/refunds/R" },
                    { "rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/C" }
                ]
            }]
        }"#,
    ))
    .unwrap();
    assert_eq!(seen.orders[0].status, OrderStatus::Completed);
    let authorization = &seen.authorizations[0];
    assert_eq!(authorization.order_id.as_deref(), Some("O"));
    assert_eq!(authorization.status, AuthorizationStatus::PartiallyCaptured);
    assert_eq!(authorization.money, money());
    assert!(authorization.expires_at.is_some());
    assert_eq!(seen.captures[0].status, CaptureStatus::Pending);
    assert_eq!(seen.captures[0].reason.as_deref(), Some("PENDING_REVIEW"));
    let refund = &seen.refunds[0];
    assert_eq!(refund.status, RefundStatus::Completed);
    assert_eq!(refund.capture_id.as_deref(), Some("C"));
    assert_eq!(refund.custom_id, Some(Uuid::from_u128(7)));
}

#[test]
fn null_is_like_a_missing_list() {
    for body in [
        r#"{"id":"O"}"#,
        r#"{"id":"O","status":null,"links":null,"purchase_units":null}"#,
        r#"{"id":"O","purchase_units":[]}"#,
        r#"{"id":"O","purchase_units":[{}]}"#,
        r#"{"id":"O","purchase_units":[{"payments":null}]}"#,
        r#"{"id":"O","purchase_units":[{"payments":{"authorizations":null,"captures":null,"refunds":null}}]}"#,
        r#"{"id":"O","status":"HELD_BY_SOMEBODY","purchase_units":[{"payments":{"authorizations":[]}}]}"#,
    ] {
        let seen = read_order(body).unwrap();
        assert_eq!(seen.orders[0].status, OrderStatus::Unknown, "{body}");
        assert!(seen.standing_authorization().is_none());
    }
    let null_members = r#"{
        "authorizations": [{
            "id": "A", "status": "CREATED", "amount": { "currency_code": "USD", "value": "1.00" },
            "expiration_time": null, "supplementary_data": null
        }],
        "captures": [{
            "id": "C", "status": "COMPLETED", "status_details": null,
            "amount": { "currency_code": "USD", "value": "1.00" }
        }],
        "refunds": [{
            "id": "R", "status": "COMPLETED", "custom_id": null, "links": null,
            "amount": { "currency_code": "USD", "value": "1.00" }
        }]
    }"#;
    let seen = read_order(order_with(null_members)).unwrap();
    assert_eq!(
        (seen.authorizations[0].expires_at, &seen.captures[0].reason),
        (None, &None)
    );
    assert_eq!(
        (&seen.refunds[0].custom_id, &seen.refunds[0].capture_id),
        (&None, &None)
    );
}

/// An answer is never read in part.
#[test]
fn incomplete_entry_makes_answer_unknown() {
    let whole =
        r#"{"id":"X","status":"COMPLETED","amount":{"currency_code":"USD","value":"1.00"}}"#;
    for broken in [
        r#"{"status":"COMPLETED","amount":{"currency_code":"USD","value":"1.00"}}"#,
        r#"{"id":null,"status":"COMPLETED","amount":{"currency_code":"USD","value":"1.00"}}"#,
        r#"{"id":"X","amount":{"currency_code":"USD","value":"1.00"}}"#,
        r#"{"id":"X","status":null,"amount":{"currency_code":"USD","value":"1.00"}}"#,
        r#"{"id":"X","status":"COMPLETED"}"#,
        r#"{"id":"X","status":"COMPLETED","amount":null}"#,
        r#"{"id":"X","status":"COMPLETED","amount":{"currency_code":"USD"}}"#,
        r#"{"id":"X","status":"COMPLETED","amount":{"currency_code":"USD","value":null}}"#,
        r#"{"id":"X","status":"COMPLETED","amount":{"currency_code":"USD","value":"a lot"}}"#,
        r#"{"id":"X","status":"COMPLETED","amount":{"value":"1.00"}}"#,
        "null",
        "[]",
    ] {
        for list in ["authorizations", "captures", "refunds"] {
            let payments = format!(r#"{{"{list}":[{whole},{broken}]}}"#);
            assert_eq!(
                read_order(order_with(&payments)),
                Err("unknown".into()),
                "{payments}"
            );
        }
    }
    for body in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"id":null}"#,
        r#"{"id":"O","purchase_units":{}}"#,
        "<html><body>Please sign in.</body></html>",
    ] {
        assert_eq!(read_order(body), Err("unknown".into()), "{body}");
    }
}

#[test]
fn undocumented_state_is_unknown() {
    let entry =
        r#"[{"id":"X","status":"ON_HOLD","amount":{"currency_code":"USD","value":"1.00"}}]"#;
    let payments = format!(r#"{{"authorizations":{entry},"captures":{entry},"refunds":{entry}}}"#);
    let seen = read_order(order_with(&payments)).unwrap();
    assert_eq!(seen.authorizations[0].status, AuthorizationStatus::Unknown);
    assert_eq!(seen.captures[0].status, CaptureStatus::Unknown);
    assert_eq!(seen.refunds[0].status, RefundStatus::Unknown);
    assert!(seen.standing_authorization().is_none());
    assert!(seen.successful_captures().next().is_none());
}

#[test]
fn authorization_by_id_names_its_order() {
    let related = r#"{"id":"A","status":"VOIDED","amount":{"currency_code":"USD","value":"1.00"},"supplementary_data":{"related_ids":{"order_id":"O"}}}"#;
    for (body, order_id) in [(related, Some("O")), (AUTHORIZATION, None)] {
        let (result, _) = exchange(200, body, async |paypal| {
            paypal.get_authorization("A").await
        });
        assert_eq!(result.unwrap().order_id.as_deref(), order_id);
    }
}

#[test]
fn refund_names_its_capture_and_our_id() {
    let read = |more: &str| -> Refund {
        let body = format!("{},{more}}}", &REFUND[..REFUND.len() - 1]).leak();
        exchange(200, body, async |paypal| paypal.get_refund("R").await)
            .0
            .unwrap()
    };
    for (more, capture_id, custom_id) in [
        (
            r#""links":[{"rel":"up","href":"https://x/v2/payments/captures/C"}]"#,
            Some("C"),
            None,
        ),
        (
            r#""links":[{"rel":"up","href":"https://x/v2/payments/captures/"}]"#,
            None,
            None,
        ),
        (
            r#""links":[{"rel":"up","href":"https://x/v2/payments/other/C"}]"#,
            None,
            None,
        ),
        (r#""links":[{"rel":null,"href":null},{}]"#, None, None),
        (
            r#""custom_id":"00000000-0000-0000-0000-000000000007""#,
            None,
            Some(7),
        ),
        (r#""custom_id":"goodwill of the desk""#, None, None),
    ] {
        let refund = read(more);
        assert_eq!(refund.capture_id.as_deref(), capture_id, "{more}");
        assert_eq!(refund.custom_id, custom_id.map(Uuid::from_u128), "{more}");
    }
}

#[test]
fn only_authorization_answers_authorize() {
    let authorized = |status: &str| {
        let body = format!(
            r#"{{"id":"O","purchase_units":[{{"payments":{{"authorizations":[{{"id":"A","status":"{status}","amount":{{"currency_code":"USD","value":"237.60"}}}}]}}}}]}}"#
        );
        let (result, _) = exchange(201, body.leak(), async |paypal| {
            paypal.authorize_order("P:1", "O").await
        });
        result
            .map(|authorization| authorization.status)
            .map_err(|error| error.code().to_owned())
    };
    for (status, expected) in [
        ("CREATED", Ok(AuthorizationStatus::Created)),
        ("PENDING", Ok(AuthorizationStatus::Pending)),
        ("DENIED", Err("denied".to_owned())),
        ("VOIDED", Err("unknown".to_owned())),
        ("ON_HOLD", Err("unknown".to_owned())),
    ] {
        assert_eq!(authorized(status), expected, "{status}");
    }
}
