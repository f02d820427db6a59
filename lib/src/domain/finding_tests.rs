use super::*;
use crate::domain::observation::{
    AuthorizationStatus,
    tests::{NOW, at, money, observation, record},
};

fn kinds(record: &PaymentRecord, observed: &Observation) -> Vec<FindingKind> {
    findings(record, observed, at(NOW))
        .into_iter()
        .map(|finding| finding.kind)
        .collect()
}

use AuthorizationStatus as A;
use BookingState as B;
use CaptureStatus as C;
use PaymentState as P;

#[test]
fn consistent_payment_has_no_finding() {
    for (record, observed) in [
        (
            record(P::Authorized, B::Upcoming),
            observation(&[A::Created], &[], "0"),
        ),
        (
            record(P::Captured, B::Active),
            observation(&[A::Captured], &[("C", C::Completed)], "0"),
        ),
        (
            record(P::Voided, B::Cancelled),
            observation(&[A::Voided], &[], "0"),
        ),
        (record(P::Created, B::Expired), observation(&[], &[], "0")),
        (
            record(P::Refunded, B::Cancelled),
            observation(&[A::Captured], &[("C", C::Refunded)], "237.60"),
        ),
    ] {
        assert_eq!(kinds(&record, &observed), [], "{record:?}");
    }
}

#[test]
fn each_contradiction_is_found() {
    let authorized = observation(&[A::Created], &[], "0");
    let twice = observation(
        &[A::Captured],
        &[("C", C::Completed), ("D", C::Completed)],
        "0",
    );
    let mut to_void = record(P::Authorized, B::Expired);
    to_void.void_reason = Some("dates_unavailable".into());
    let mut ending = record(P::Authorized, B::Upcoming);
    ending.authorization_expires_at = Some(at("2030-01-20T23:00:00Z"));
    let mut other = twice.clone();
    other.captures.truncate(1);
    other.captures[0].money = money("200");
    let mut refused = record(P::Captured, B::Cancelled);
    refused.refund_refused = true;
    for (record, observed, expected) in [
        (
            record(P::Captured, B::Upcoming),
            &twice,
            FindingKind::CapturedTwice,
        ),
        (
            record(P::Captured, B::Upcoming),
            &other,
            FindingKind::AmountMismatch,
        ),
        (
            record(P::Created, B::Expired),
            &authorized,
            FindingKind::PaidButUnbooked,
        ),
        (
            record(P::Authorized, B::Cancelled),
            &authorized,
            FindingKind::CancelledNotVoided,
        ),
        (to_void, &authorized, FindingKind::CancelledNotVoided),
        (ending, &authorized, FindingKind::Lapsing),
        (
            record(P::Failed, B::Upcoming),
            &observation(&[A::Voided], &[], "0"),
            FindingKind::UnpaidBooking,
        ),
        (
            record(P::Capturing, B::Upcoming),
            &observation(&[A::Created], &[("C", C::Pending)], "0"),
            FindingKind::CapturePending,
        ),
        (
            refused,
            &observation(&[A::Captured], &[("C", C::Completed)], "0"),
            FindingKind::RefundRefused,
        ),
    ] {
        assert_eq!(kinds(&record, observed), [expected], "{record:?}");
    }
}

#[test]
fn finding_waits_half_an_hour() {
    let mut fresh = record(P::Authorized, B::Cancelled);
    fresh.updated_at = at("2030-01-19T23:30:00Z");
    assert_eq!(kinds(&fresh, &observation(&[A::Created], &[], "0")), []);
    fresh.updated_at = at("2030-01-19T23:29:59Z");
    assert_eq!(
        kinds(&fresh, &observation(&[A::Created], &[], "0")),
        [FindingKind::CancelledNotVoided]
    );
}

#[test]
fn failed_earlier_attempt_is_no_finding() {
    let mut earlier = record(P::Failed, B::Upcoming);
    earlier.is_latest = false;
    assert_eq!(kinds(&earlier, &observation(&[A::Voided], &[], "0")), []);
}
