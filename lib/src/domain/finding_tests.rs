use super::*;
use crate::domain::observation::{
    AuthorizationStatus,
    tests::{NOW, at, money, record, seen},
};

fn kinds(record: &PaymentRecord, seen: &Observation) -> Vec<FindingKind> {
    findings(record, seen, at(NOW))
        .into_iter()
        .map(|finding| finding.kind)
        .collect()
}

use AuthorizationStatus as A;
use BookingState as B;
use CaptureStatus as C;
use PaymentState as P;

#[test]
fn what_fits_is_no_finding() {
    for (record, shown) in [
        (
            record(P::Authorized, B::Upcoming),
            seen(&[A::Created], &[], "0"),
        ),
        (
            record(P::Captured, B::Active),
            seen(&[A::Captured], &[("C", C::Completed)], "0"),
        ),
        (
            record(P::Voided, B::Cancelled),
            seen(&[A::Voided], &[], "0"),
        ),
        (record(P::Created, B::Expired), seen(&[], &[], "0")),
        (
            record(P::Refunded, B::Cancelled),
            seen(&[A::Captured], &[("C", C::Refunded)], "237.60"),
        ),
    ] {
        assert_eq!(kinds(&record, &shown), [], "{record:?}");
    }
}

#[test]
fn each_misfit_is_found() {
    let held = seen(&[A::Created], &[], "0");
    let twice = seen(
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
    for (record, shown, expected) in [
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
            &held,
            FindingKind::PaidButUnbooked,
        ),
        (
            record(P::Authorized, B::Cancelled),
            &held,
            FindingKind::CancelledNotVoided,
        ),
        (to_void, &held, FindingKind::CancelledNotVoided),
        (ending, &held, FindingKind::Lapsing),
        (
            record(P::Failed, B::Upcoming),
            &seen(&[A::Voided], &[], "0"),
            FindingKind::UnpaidBooking,
        ),
        (
            record(P::Capturing, B::Upcoming),
            &seen(&[A::Created], &[("C", C::Pending)], "0"),
            FindingKind::CapturePending,
        ),
        (
            refused,
            &seen(&[A::Captured], &[("C", C::Completed)], "0"),
            FindingKind::RefundRefused,
        ),
    ] {
        assert_eq!(kinds(&record, shown), [expected], "{record:?}");
    }
}

#[test]
fn what_is_under_way_gets_half_an_hour() {
    let mut fresh = record(P::Authorized, B::Cancelled);
    fresh.updated_at = at("2030-01-19T23:30:00Z");
    assert_eq!(kinds(&fresh, &seen(&[A::Created], &[], "0")), []);
    fresh.updated_at = at("2030-01-19T23:29:59Z");
    assert_eq!(
        kinds(&fresh, &seen(&[A::Created], &[], "0")),
        [FindingKind::CancelledNotVoided]
    );
}

#[test]
fn an_earlier_attempt_that_failed_is_no_unpaid_booking() {
    let mut earlier = record(P::Failed, B::Upcoming);
    earlier.is_latest = false;
    assert_eq!(kinds(&earlier, &seen(&[A::Voided], &[], "0")), []);
}
