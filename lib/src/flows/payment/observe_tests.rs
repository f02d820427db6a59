//! Which calls to PayPal an observation makes, and what it shows.

use super::*;
use crate::{
    clients::paypal::{CertificateCache, TokenCache},
    domain::{
        booking_state::BookingState,
        observation::CaptureStatus,
        payment_fixtures::{record, recorded_capture, recorded_refund},
        payment_state::PaymentState as P,
    },
    platform::Platform,
    scripted::{self, ScriptedPlatform},
};
use futures_util::FutureExt;
use std::time::Duration;

const TOKEN: &str = r#"{"access_token":"t","expires_in":3600}"#;
const MISSING: &str =
    r#"{"name":"RESOURCE_NOT_FOUND","details":[{"issue":"INVALID_RESOURCE_ID"}]}"#;
const EMPTY: &str = r#"{"id":"O","status":"APPROVED"}"#;
const AUTHORIZED: &str = r#"{"id":"O","status":"COMPLETED","purchase_units":[{"payments":{"authorizations":[{"id":"A","status":"CREATED","amount":{"currency_code":"USD","value":"237.60"}}]}}]}"#;
const VOIDED: &str =
    r#"{"id":"A","status":"VOIDED","amount":{"currency_code":"USD","value":"237.60"}}"#;
const REFUNDED: &str =
    r#"{"id":"C","status":"REFUNDED","amount":{"currency_code":"USD","value":"237.60"}}"#;
const FAILED: &str =
    r#"{"id":"R","status":"FAILED","amount":{"currency_code":"USD","value":"100.00"}}"#;

/// The observation of `record` when PayPal responds like this, and the paths that were asked for.
fn observe(
    record: &PaymentRecord,
    responses: &[(u16, &'static str)],
) -> (Result<Observation, PayPalError>, Vec<String>) {
    let script = [(200, TOKEN)].into_iter().chain(responses.iter().copied());
    let platform = ScriptedPlatform::new(script.map(Ok));
    let config = scripted::config(&[], &[]).unwrap();
    let (tokens, certificates) = (TokenCache::default(), CertificateCache::default());
    let deadline = Deadline::after(platform.now(), Duration::from_secs(60));
    let paypal = PayPal::new(&platform, &config.paypal, &tokens, &certificates, deadline);
    let seen = look(paypal, record).now_or_never().unwrap();
    let paths = platform.paths().split_off(1);
    let names = paths
        .iter()
        .map(|path| path.rsplit("/v2/").next().unwrap().to_owned())
        .collect();
    (seen, names)
}

fn booked(status: PaymentState) -> PaymentRecord {
    record(status, BookingState::Upcoming)
}

#[test]
fn listed_authorization_is_not_asked_for_again() {
    let (seen, paths) = observe(&booked(P::Authorized), &[(200, AUTHORIZED)]);
    assert_eq!(paths, ["checkout/orders/O"]);
    assert_eq!(seen.unwrap().authorizations.len(), 1);
}

#[test]
fn unlisted_authorization_is_asked_for_by_id() {
    for status in [
        P::AuthorizationPending,
        P::Authorized,
        P::Capturing,
        P::Voided,
        P::Failed,
    ] {
        for order in [(200, EMPTY), (404, MISSING)] {
            let (seen, paths) = observe(&booked(status), &[order, (200, VOIDED)]);
            assert_eq!(paths, ["checkout/orders/O", "payments/authorizations/A"]);
            assert_eq!(seen.unwrap().authorizations[0].id, "A");
            let (seen, _) = observe(&booked(status), &[order, (404, MISSING)]);
            let seen = seen.unwrap();
            assert!(seen.authorizations.is_empty() && seen.is_missing("A"));
        }
    }
}

#[test]
fn gateway_pages_are_no_answers() {
    for (status, body) in [
        (404, "<html>"),
        (403, "<html>"),
        (200, "<html>"),
        (502, ""),
        (404, r#"{"name":"SOMETHING"}"#),
    ] {
        let (seen, _) = observe(&booked(P::Authorized), &[(status, body)]);
        assert!(seen.is_err(), "{status} {body}");
        let (seen, _) = observe(&booked(P::Authorized), &[(200, EMPTY), (status, body)]);
        assert!(seen.is_err(), "{status} {body}");
    }
}

#[test]
fn all_orders_are_asked_until_one_is_authorized() {
    let mut created = booked(P::Created);
    created.order_ids = vec!["P".into(), "O".into(), "N".into()];
    created.order_id = Some("P".into());
    let (seen, paths) = observe(&created, &[(404, MISSING), (200, AUTHORIZED)]);
    assert_eq!(paths, ["checkout/orders/P", "checkout/orders/O"]);
    let seen = seen.unwrap();
    assert_eq!(seen.orders[0].status, OrderStatus::Missing);
    assert_eq!(
        seen.standing_authorization().unwrap().order_id.as_deref(),
        Some("O")
    );
    let (_, paths) = observe(&created, &[(200, EMPTY), (200, EMPTY), (404, MISSING)]);
    assert_eq!(paths.len(), 3);
    // An authorized payment has one order.
    created.authorization_id = Some("A".into());
    created.order_id = Some("O".into());
    created.status = P::Authorized;
    let (_, paths) = observe(&created, &[(200, AUTHORIZED)]);
    assert_eq!(paths, ["checkout/orders/O"]);
}

#[test]
fn order_that_the_list_lacks_is_asked_too() {
    let mut created = booked(P::Created);
    created.order_ids = Vec::new();
    let (_, paths) = observe(&created, &[(200, EMPTY)]);
    assert_eq!(paths, ["checkout/orders/O"]);
}

#[test]
fn unlisted_captures_and_refunds_are_fetched_by_id() {
    let mut captured = booked(P::Captured);
    let refund = |id, status| recorded_refund(id, "100", status);
    captured.captures = vec![
        recorded_capture("C", RecordedCaptureStatus::Completed),
        recorded_capture("D", RecordedCaptureStatus::Declined),
    ];
    captured.refunds = vec![
        refund("R", RecordedRefundStatus::Refunded),
        refund("S", RecordedRefundStatus::Pending),
        refund("T", RecordedRefundStatus::Refused),
        refund("", RecordedRefundStatus::Ordered),
        refund("C:reversal", RecordedRefundStatus::Refunded),
    ];
    let responses = [(200, EMPTY), (200, REFUNDED), (200, FAILED), (404, MISSING)];
    let (seen, paths) = observe(&captured, &responses);
    let expected = [
        "checkout/orders/O",
        "payments/captures/C",
        "payments/refunds/R",
        "payments/refunds/S",
    ];
    assert_eq!(paths, expected);
    let seen = seen.unwrap();
    assert_eq!(seen.captures[0].status, CaptureStatus::Refunded);
    assert_eq!(seen.refunds[0].id, "R");
    assert!(seen.is_missing("S"));
}
