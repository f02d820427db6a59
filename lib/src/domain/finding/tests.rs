use super::*;
use crate::domain::{
    observation::{OrderStatus, RefundStatus},
    payment_fixtures::*,
    payment_record::{OpenFailure, RecordedCaptureStatus, RecordedRefundStatus as RR},
};

use AuthorizationStatus as A;
use BookingState as B;
use CaptureStatus as C;
use FindingKind as F;
use PaymentState as P;
use RefundStatus as R;

pub(super) fn found(record: &PaymentRecord, seen: &Observation) -> Vec<(FindingKind, String)> {
    findings(record, seen, at(NOW))
        .into_iter()
        .map(|finding| (finding.kind, finding.detail))
        .collect()
}

pub(super) fn kinds(record: &PaymentRecord, seen: &Observation) -> Vec<FindingKind> {
    found(record, seen)
        .into_iter()
        .map(|(kind, _)| kind)
        .collect()
}

/// One capture C in this state, with refunds of it.
pub(super) fn capture_with(status: CaptureStatus, refunds: &[(&str, RefundStatus)]) -> Observation {
    let mut seen = observation(A::Captured, &[("C", status)]);
    let refunds = refunds
        .iter()
        .map(|(sum, status)| refund("R", sum, *status));
    seen.refunds.extend(refunds);
    seen
}

/// Captures of these sums, with ids C, D and E.
pub(super) fn captures_of(sums: &[&str]) -> Observation {
    let mut seen = observation(A::Captured, &[]);
    for (id, sum) in ["C", "D", "E"].into_iter().zip(sums) {
        let mut capture = capture(id, C::Completed);
        capture.money = money(sum);
        seen.captures.push(capture);
    }
    seen
}

/// A captured payment of which this sum went back.
pub(super) fn returned(status: PaymentState, booking: BookingState, sum: &str) -> PaymentRecord {
    PaymentRecord {
        refunded_amount: amount(sum),
        refunds: vec![recorded_refund("R", sum, RR::Refunded)],
        ..captured(status, booking)
    }
}

#[test]
fn consistent_payment_has_no_finding() {
    let mut kept = captured(P::Captured, B::Cancelled);
    kept.capture_amount = Some(amount("118.80"));
    let ours = PaymentRecord {
        refunded_by_us: true,
        ..returned(P::PartiallyRefunded, B::Upcoming, "100")
    };
    let half_kept = captures_of(&["118.80"]);
    for (record, seen) in [
        (
            record(P::Authorized, B::Upcoming),
            observation(A::Created, &[]),
        ),
        (
            record(P::Capturing, B::Upcoming),
            observation(A::Created, &[]),
        ),
        (
            captured(P::Captured, B::Active),
            capture_with(C::Completed, &[]),
        ),
        (record(P::Voided, B::Cancelled), observation(A::Voided, &[])),
        (record(P::Created, B::Expired), order(OrderStatus::Missing)),
        (
            record(P::Created, B::PendingPayment),
            order(OrderStatus::Approved),
        ),
        (
            returned(P::Refunded, B::Cancelled, "237.60"),
            capture_with(C::Refunded, &[]),
        ),
        (
            ours,
            capture_with(C::PartiallyRefunded, &[("100", R::Completed)]),
        ),
        (kept, half_kept),
    ] {
        assert_eq!(found(&record, &seen), [], "{record:?}");
    }
}

#[test]
fn names_are_those_of_json() {
    for kind in FindingKind::ALL {
        let json = serde_json::to_string(kind).unwrap();
        assert_eq!(json, format!("\"{}\"", kind.name()));
        assert!(kind.advice().ends_with('.'), "{kind:?}");
    }
    assert_eq!(FindingKind::ALL.len(), 21);
}

#[test]
fn documents_name_each_kind() {
    for page in [
        include_str!("../../../../docs/API.md"),
        include_str!("../../../../docs/PAYMENTS.md"),
    ] {
        for kind in FindingKind::ALL {
            let name = format!("`{}`", kind.name());
            assert!(page.contains(&name), "{name}");
        }
    }
}

#[test]
fn completed_order_without_authorization_is_found() {
    let mut seen = observation(A::Created, &[]);
    seen.authorizations.clear();
    seen.orders[0].status = OrderStatus::Completed;
    let mut young = record(P::Created, B::Expired);
    young.order_created_at = Some(at("2030-01-19T12:00:00Z"));
    assert_eq!(found(&young, &seen), []);
    let mut old = young.clone();
    old.order_created_at = Some(at("2030-01-18T12:00:00Z"));
    assert_eq!(found(&old, &seen), [(F::OrderUnclear, "O".to_owned())]);
    // A word that PayPal does not document is no authorization.
    seen.authorizations.push(authorization("A", A::Unknown));
    assert_eq!(kinds(&old, &seen), [F::OrderUnclear]);
    seen.authorizations[0].status = A::Pending;
    assert_eq!(kinds(&old, &seen), [F::AuthorizationPending]);
}

#[test]
fn delayed_capture_is_found_after_three_hours() {
    let seen = observation(A::Created, &[]);
    let mut failing = record(P::Capturing, B::Upcoming);
    failing.failure_code = Some("unknown".into());
    failing.capture_failing_since = Some(at("2030-01-19T22:00:00Z"));
    assert_eq!(found(&failing, &seen), []);
    failing.capture_failing_since = Some(at("2030-01-19T20:00:00Z"));
    assert_eq!(
        found(&failing, &seen),
        [(F::CaptureDelayed, "unknown".to_owned())]
    );
}

#[test]
fn review_that_paypal_does_not_list_is_found() {
    let reviewed = record(P::AuthorizationPending, B::PendingPayment);
    let mut seen = order(OrderStatus::Completed);
    let pending = |detail: &str| vec![(F::AuthorizationPending, detail.to_owned())];
    assert_eq!(found(&reviewed, &seen), pending("A"));
    seen.missing = vec!["A".into()];
    assert_eq!(
        found(&reviewed, &seen),
        pending("A PayPal does not know it")
    );
    assert!(!seen.is_unclear(&reviewed));
    assert!(seen.is_unclear(&record(P::Authorized, B::Upcoming)));
    seen.missing = vec!["C".into()];
    assert!(seen.is_unclear(&captured(P::Captured, B::Upcoming)));
    assert!(!seen.is_unclear(&reviewed));
}

#[test]
fn refusal_of_us_stays_until_success() {
    let seen = observation(A::Created, &[]);
    let mut refused = record(P::Authorized, B::Upcoming);
    for (operation, code, is_found) in [
        ("capture", "PAYEE_ACCOUNT_RESTRICTED", true),
        ("void", "PERMISSION_DENIED", true),
        ("refund", "REFUND_FAILED_INSUFFICIENT_FUNDS", true),
        ("refund", "TRANSACTION_DISPUTED", false),
        ("capture", "unauthenticated", true),
        ("capture", "unknown", false),
        ("capture", "paypal_refuses_us", false),
    ] {
        refused.open_failures = vec![OpenFailure {
            operation: operation.to_owned(),
            code: code.to_owned(),
        }];
        let expected = is_found.then(|| (F::PaypalRefusesUs, code.to_owned()));
        assert_eq!(found(&refused, &seen), Vec::from_iter(expected), "{code}");
    }
}

#[test]
fn delayed_refund_is_found() {
    let seen = capture_with(C::Completed, &[]);
    let ordered = |ordered_at: &str| {
        let mut record = captured(P::Captured, B::Upcoming);
        record.refunds_open = true;
        record
            .refunds
            .push(recorded_refund("", "10.00", RR::Ordered));
        record.refunds[0].ordered_at = Some(at(ordered_at));
        record
    };
    let id = ordered("2030-01-19T20:00:00Z").refunds[0].refund_id;
    let delayed = |code: &str| vec![(F::RefundDelayed, format!("{id} {code}"))];
    let mut young = ordered("2030-01-19T23:00:00Z");
    assert_eq!(found(&young, &seen), []);
    assert_eq!(
        found(&ordered("2030-01-19T20:00:00Z"), &seen),
        delayed("not_made")
    );
    young.refunds[0].failure_code = Some("TRANSACTION_DISPUTED".into());
    young.refunds[0].is_disputed = true;
    assert_eq!(found(&young, &seen), delayed("TRANSACTION_DISPUTED"));
}

#[test]
fn money_without_booking_is_found() {
    let held = observation(A::Created, &[]);
    let taken = capture_with(C::Completed, &[]);
    for booking in [B::PendingPayment, B::Expired] {
        assert_eq!(
            kinds(&record(P::Created, booking), &held),
            [F::PaidButUnbooked]
        );
        let paid = captured(P::Captured, booking);
        assert_eq!(kinds(&paid, &taken), [F::PaidButUnbooked]);
        let refund_ordered = PaymentRecord {
            refunds_open: true,
            ..paid.clone()
        };
        assert_eq!(kinds(&refund_ordered, &taken), []);
        assert_eq!(kinds(&paid, &capture_with(C::Refunded, &[])), []);
        let gone = capture_with(C::Completed, &[("237.60", R::Completed)]);
        assert_eq!(kinds(&paid, &gone), []);
    }
    let confirmed = record(P::Authorized, B::Upcoming);
    assert_eq!(kinds(&confirmed, &held), []);
}

#[test]
fn living_authorization_of_ended_booking_is_found() {
    let cancelled = record(P::Authorized, B::Cancelled);
    let failed = PaymentRecord {
        capture_amount: Some(amount("118.80")),
        ..record(P::Failed, B::Cancelled)
    };
    let to_keep = PaymentRecord {
        capture_amount: Some(amount("118.80")),
        ..record(P::Authorized, B::Cancelled)
    };
    let to_void = PaymentRecord {
        void_reason: Some("dates_unavailable".into()),
        ..record(P::Authorized, B::Expired)
    };
    let part_taken = captured(P::Captured, B::Cancelled);
    let mut part = captures_of(&["100"]);
    part.authorizations[0].status = A::PartiallyCaptured;
    let mut kept = captured(P::Captured, B::Cancelled);
    kept.capture_amount = Some(amount("100"));
    let expected = vec![(F::CancelledNotVoided, "A".to_owned())];
    for (record, seen, expected) in [
        (&cancelled, observation(A::Created, &[]), &expected),
        (&cancelled, observation(A::Pending, &[]), &expected),
        (&cancelled, observation(A::Voided, &[]), &vec![]),
        (&failed, observation(A::Created, &[]), &expected),
        (&failed, observation(A::Denied, &[]), &vec![]),
        (&to_keep, observation(A::Created, &[]), &vec![]),
        (&to_void, observation(A::Created, &[]), &expected),
        (&part_taken, part.clone(), &expected),
        // The final capture of the part that we keep leaves nothing open.
        (&kept, part, &vec![]),
    ] {
        assert_eq!(&found(record, &seen), expected, "{record:?} {seen:?}");
    }
}

#[test]
fn finding_waits_half_an_hour() {
    let mut fresh = record(P::Authorized, B::Cancelled);
    let held = observation(A::Created, &[]);
    fresh.updated_at = at("2030-01-19T23:30:00Z");
    assert_eq!(kinds(&fresh, &held), []);
    fresh.updated_at = at("2030-01-19T23:29:59Z");
    assert_eq!(kinds(&fresh, &held), [F::CancelledNotVoided]);
}

#[test]
fn authorization_lapses_a_day_before_its_end() {
    let mut ending = record(P::Authorized, B::Upcoming);
    let held = observation(A::Created, &[]);
    ending.authorization_expires_at = Some(at("2030-01-21T00:00:00Z"));
    assert_eq!(kinds(&ending, &held), []);
    ending.authorization_expires_at = Some(at("2030-01-20T23:59:59Z"));
    let detail = "2030-01-20T23:59:59Z".to_owned();
    assert_eq!(found(&ending, &held), [(F::Lapsing, detail)]);
    assert_eq!(
        kinds(&ending, &observation(A::Pending, &[])),
        [F::AuthorizationPending]
    );
    assert_eq!(kinds(&ending, &capture_with(C::Completed, &[])), []);
}

#[test]
fn confirmed_booking_without_money_is_unpaid() {
    for (status, is_unpaid) in [
        (P::Voided, true),
        (P::Expired, true),
        (P::Failed, true),
        // The customer opened an order to pay again.
        (P::Created, true),
        (P::Authorized, false),
    ] {
        for booking in [B::Upcoming, B::Active, B::Completed] {
            let mut record = record(status, booking);
            let expected = if is_unpaid {
                &[F::UnpaidBooking][..]
            } else {
                &[]
            };
            assert_eq!(
                kinds(&record, &order(OrderStatus::Approved)),
                expected,
                "{status:?}"
            );
            record.is_latest = false;
            assert_eq!(kinds(&record, &order(OrderStatus::Approved)), []);
        }
        let hold = record(status, B::PendingPayment);
        assert_eq!(kinds(&hold, &order(OrderStatus::Approved)), []);
    }
    let mut denied = record(P::Failed, B::Upcoming);
    denied.failure_code = Some("authorization_denied".into());
    let detail = "authorization_denied".to_owned();
    assert_eq!(
        found(&denied, &observation(A::Denied, &[])),
        [(F::UnpaidBooking, detail)]
    );
}

#[test]
fn two_paid_payments_are_found() {
    let seen = capture_with(C::Completed, &[]);
    for reason in ["replaced", "already_paid"] {
        let mut older = captured(P::Captured, B::Upcoming);
        older.is_latest = false;
        older.void_reason = Some(reason.into());
        assert_eq!(
            found(&older, &seen),
            [(F::PaidTwice, "237.60 USD".to_owned())]
        );
        assert_eq!(kinds(&older, &capture_with(C::Refunded, &[])), []);
        older.refunds_open = true;
        assert_eq!(kinds(&older, &seen), []);
    }
}

#[test]
fn waiting_for_paypal_is_visible() {
    let waiting = record(P::AuthorizationPending, B::PendingPayment);
    let pending = observation(A::Pending, &[]);
    assert_eq!(
        found(&waiting, &pending),
        [(F::AuthorizationPending, "A".to_owned())]
    );
    assert_eq!(kinds(&waiting, &observation(A::Voided, &[])), []);

    let mut record = record(P::CapturePending, B::Upcoming);
    record
        .captures
        .push(recorded_capture("C", RecordedCaptureStatus::Pending));
    let mut seen = observation(A::Created, &[("C", C::Pending)]);
    assert_eq!(found(&record, &seen), [(F::CapturePending, "C".to_owned())]);
    seen.captures[0].reason = Some("RECEIVING_PREFERENCE_MANDATES_MANUAL_ACTION".into());
    let detail = "C RECEIVING_PREFERENCE_MANDATES_MANUAL_ACTION".to_owned();
    assert_eq!(found(&record, &seen), [(F::CapturePending, detail)]);
}

#[test]
fn declined_capture_is_found() {
    for status in [C::Declined, C::Failed] {
        let seen = observation(A::Created, &[("C", status)]);
        let authorized = record(P::Authorized, B::Upcoming);
        assert_eq!(
            found(&authorized, &seen),
            [(F::CaptureDeclined, "C".to_owned())]
        );
        let failed = record(P::Failed, B::Upcoming);
        assert_eq!(
            kinds(&failed, &seen),
            [F::UnpaidBooking, F::CaptureDeclined]
        );
        let retried = observation(A::Captured, &[("C", status), ("D", C::Completed)]);
        assert_eq!(kinds(&captured(P::Captured, B::Upcoming), &retried), []);
        let retrying = observation(A::Created, &[("C", status), ("D", C::Pending)]);
        assert_eq!(kinds(&authorized, &retrying), [F::CapturePending]);
        let cancelled = record(P::Voided, B::Cancelled);
        assert_eq!(
            kinds(&cancelled, &observation(A::Voided, &[("C", status)])),
            []
        );
    }
}
