use super::*;
use crate::domain::{
    booking_state::BookingState,
    observation::{CaptureStatus as C, RefundStatus},
    payment_fixtures::*,
};

use AuthorizationStatus as A;
use BookingState as B;
use PaymentState as P;
use RecordedCaptureStatus as RC;

pub(super) fn seen(record: &PaymentRecord, observation: &Observation) -> Vec<Difference> {
    differences(record, observation, at(NOW))
}

pub(super) fn booked(status: PaymentState) -> PaymentRecord {
    record(status, B::Upcoming)
}

#[test]
fn equal_record_has_no_difference() {
    let pending = PaymentRecord {
        captures: vec![recorded_capture("C", RC::Pending)],
        ..booked(P::CapturePending)
    };
    for (record, observed) in [
        (booked(P::Created), order(OrderStatus::Approved)),
        (
            booked(P::AuthorizationPending),
            observation(A::Pending, &[]),
        ),
        (booked(P::Authorized), observation(A::Created, &[])),
        (booked(P::Capturing), observation(A::Created, &[])),
        (pending, observation(A::Created, &[("C", C::Pending)])),
        (
            captured(P::Captured, B::Upcoming),
            observation(A::Captured, &[("C", C::Completed)]),
        ),
        (booked(P::Voided), observation(A::Voided, &[])),
        (booked(P::Expired), order(OrderStatus::Missing)),
        (booked(P::Failed), observation(A::Created, &[])),
    ] {
        assert_eq!(seen(&record, &observed), [], "{record:?}");
    }
}

#[test]
fn absence_changes_nothing() {
    let nothing = [
        order(OrderStatus::Approved),
        order(OrderStatus::Completed),
        order(OrderStatus::Missing),
    ];
    for status in PaymentState::ALL {
        let record = if status.is_captured() {
            captured(status, B::Upcoming)
        } else {
            booked(status)
        };
        for observed in &nothing {
            assert_eq!(seen(&record, observed), [], "{status:?} {observed:?}");
        }
    }
}

#[test]
fn undocumented_state_changes_nothing() {
    for status in PaymentState::ALL {
        let record = booked(status);
        assert_eq!(
            seen(&record, &observation(A::Unknown, &[])),
            [],
            "{status:?}"
        );
    }
    let observed = observation(A::Captured, &[("D", C::Unknown)]);
    assert_eq!(seen(&captured(P::Captured, B::Upcoming), &observed), []);
    let mut observed = observation(A::Captured, &[("C", C::Completed)]);
    observed
        .refunds
        .push(refund("R", "100", RefundStatus::Unknown));
    assert_eq!(seen(&captured(P::Captured, B::Upcoming), &observed), []);
}

#[test]
fn only_yes_authorizes() {
    let authorization = |status| authorization("A", status);
    for (before, status, expected) in [
        (
            P::Created,
            A::Created,
            Some(Difference::Authorized(authorization(A::Created))),
        ),
        (
            P::Created,
            A::Captured,
            Some(Difference::Authorized(authorization(A::Captured))),
        ),
        (
            P::Created,
            A::PartiallyCaptured,
            Some(Difference::Authorized(authorization(A::PartiallyCaptured))),
        ),
        (
            P::Created,
            A::Pending,
            Some(Difference::AuthorizationPending(authorization(A::Pending))),
        ),
        (P::Created, A::Denied, None),
        (P::Created, A::Voided, None),
        (P::Created, A::Unknown, None),
        (
            P::AuthorizationPending,
            A::Created,
            Some(Difference::Authorized(authorization(A::Created))),
        ),
        (P::AuthorizationPending, A::Pending, None),
        (
            P::AuthorizationPending,
            A::Denied,
            Some(Difference::Ended(End::Denied)),
        ),
        (
            P::AuthorizationPending,
            A::Voided,
            Some(Difference::Ended(End::Voided)),
        ),
    ] {
        let found = seen(&booked(before), &observation(status, &[]));
        assert_eq!(found, Vec::from_iter(expected), "{before:?} {status:?}");
    }
}

#[test]
fn authorization_ends_on_evidence_about_it() {
    for status in [P::Authorized, P::Capturing] {
        let record = booked(status);
        for (shown, end) in [(A::Voided, End::Voided), (A::Denied, End::Denied)] {
            assert_eq!(
                seen(&record, &observation(shown, &[])),
                [Difference::Ended(end)]
            );
        }
        // Another authorization is no evidence.
        let mut other = observation(A::Voided, &[]);
        other.authorizations[0].id = "B".into();
        assert_eq!(seen(&record, &other), []);
        // PayPal does not know the id.
        let mut missing = order(OrderStatus::Completed);
        missing.missing.push("A".into());
        assert_eq!(seen(&record, &missing), []);
    }
}

#[test]
fn ended_authorization_is_expired_after_its_end() {
    let record = booked(P::Authorized);
    let voided = observation(A::Voided, &[]);
    let mut missing = order(OrderStatus::Missing);
    missing.missing.push("A".into());
    let (before, after) = (at("2030-02-07T23:59:59Z"), at("2030-02-08T00:00:00Z"));
    assert_eq!(
        differences(&record, &voided, before),
        [Difference::Ended(End::Voided)]
    );
    assert_eq!(
        differences(&record, &voided, after),
        [Difference::Ended(End::Expired)]
    );
    assert_eq!(differences(&record, &missing, before), []);
    assert_eq!(
        differences(&record, &missing, after),
        [Difference::Ended(End::Expired)]
    );
    // An answer without the authorization, which was not asked for by id, proves nothing.
    assert_eq!(
        differences(&record, &order(OrderStatus::Completed), after),
        []
    );
    // PayPal still holds the money.
    assert_eq!(
        differences(&record, &observation(A::Created, &[]), after),
        []
    );
}

#[test]
fn captured_authorization_does_not_end() {
    for (shown, expected) in [
        (C::Completed, Some(RC::Completed)),
        (C::Pending, Some(RC::Pending)),
        (C::Unknown, None),
    ] {
        let found = seen(
            &booked(P::Authorized),
            &observation(A::Voided, &[("C", shown)]),
        );
        let expected = expected.map(|status| Difference::Captured(capture("C", shown), status));
        assert_eq!(found, Vec::from_iter(expected));
    }
}

#[test]
fn unknown_reauthorization_replaces_ended_authorization() {
    let mut observed = observation(A::Voided, &[]);
    observed
        .authorizations
        .push(authorization("A2", A::Created));
    let replacement = Difference::Authorized(authorization("A2", A::Created));
    assert_eq!(seen(&booked(P::Authorized), &observed), [replacement]);
    // The original of a recorded reauthorization may be over.
    let mut renewed = booked(P::Authorized);
    renewed.authorization_id = Some("A2".into());
    assert_eq!(seen(&renewed, &observed), []);
}

#[test]
fn living_authorization_reopens_ended_payment() {
    for status in [P::Voided, P::Expired] {
        for (shown, is_reopened) in [
            (A::Created, true),
            (A::PartiallyCaptured, true),
            (A::Captured, false),
            (A::Pending, false),
            (A::Denied, false),
        ] {
            let found = seen(&booked(status), &observation(shown, &[]));
            let expected = is_reopened.then(|| Difference::Reopened(authorization("A", shown)));
            assert_eq!(found, Vec::from_iter(expected), "{status:?} {shown:?}");
        }
    }
}

#[test]
fn failed_payment_with_ended_authorization_is_reopened() {
    let living = observation(A::Created, &[]);
    for (code, is_reopened) in [
        ("PAYER_CANNOT_PAY", false),
        ("capture_declined", false),
        ("TRANSACTION_REFUSED", false),
        ("authorization_denied", true),
        ("AUTHORIZATION_VOIDED", true),
        ("AUTHORIZATION_EXPIRED", true),
    ] {
        let mut failed = booked(P::Failed);
        failed.failure_code = Some(code.into());
        assert_eq!(
            seen(&failed, &living).len(),
            usize::from(is_reopened),
            "{code}"
        );
    }
    let mut ended = booked(P::Failed);
    ended.hold_ended = true;
    assert_eq!(seen(&ended, &living).len(), 1);
    let mut mismatch = booked(P::Failed);
    mismatch.void_reason = Some("payment_mismatch".into());
    assert_eq!(seen(&mismatch, &living).len(), 1);
    // Another authorization than the one that failed.
    let mut other = booked(P::Failed);
    other.authorization_id = Some("B".into());
    assert_eq!(seen(&other, &living).len(), 1);
}

#[test]
fn end_of_what_was_left_is_difference() {
    let part = observation(A::Voided, &[("C", C::Completed)]);
    for status in [P::Captured, P::PartiallyRefunded, P::Refunded] {
        let mut record = captured(status, B::Upcoming);
        record.hold_ended = false;
        assert_eq!(seen(&record, &part), [Difference::Ended(End::Voided)]);
        record.hold_ended = true;
        assert_eq!(seen(&record, &part), []);
    }
    let mut failed = booked(P::Failed);
    failed.failure_code = Some("PAYER_CANNOT_PAY".into());
    for (shown, end) in [(A::Voided, End::Voided), (A::Denied, End::Denied)] {
        assert_eq!(
            seen(&failed, &observation(shown, &[])),
            [Difference::Ended(end)]
        );
    }
    failed.hold_ended = true;
    assert_eq!(seen(&failed, &observation(A::Voided, &[])), []);
}

#[test]
fn fresh_end_is_not_reopened() {
    let living = observation(A::Created, &[]);
    let mut voided = booked(P::Voided);
    voided.updated_at = at("2030-01-19T23:58:00Z");
    assert_eq!(seen(&voided, &living), []);
    voided.updated_at = at("2030-01-19T23:57:59Z");
    assert_eq!(seen(&voided, &living).len(), 1);
    // The capture is the fact.
    let found = seen(
        &booked(P::Voided),
        &observation(A::PartiallyCaptured, &[("C", C::Completed)]),
    );
    assert_eq!(
        found,
        [Difference::Captured(
            capture("C", C::Completed),
            RC::Completed
        )]
    );
}
