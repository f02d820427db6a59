use super::tests::{booked, seen};
use super::*;
use crate::domain::{
    booking_state::BookingState as B,
    observation::{
        AuthorizationStatus as A, CaptureStatus as C, Observation, Refund, RefundStatus as R,
    },
    payment_fixtures::*,
    payment_record::{PaymentRecord, RecordedRefundStatus as RR},
    payment_state::{PaymentState as P, transition},
};
use uuid::Uuid;

fn refunded(id: &str, sum: &str, status: RR, ours: bool) -> Difference {
    Difference::Refunded(ObservedRefund {
        paypal_id: id.into(),
        capture_id: "C".into(),
        amount: amount(sum),
        status,
        refund_id: ours.then(|| Uuid::from_u128(7)),
    })
}

/// The refund that we have, the one that PayPal shows, and the difference.
#[test]
fn refunds_are_compared_one_by_one() {
    for (recorded, shown, difference) in [
        (None, R::Completed, Some(RR::Refunded)),
        (None, R::Pending, Some(RR::Pending)),
        (None, R::Failed, None),
        (None, R::Cancelled, None),
        (None, R::Unknown, None),
        (Some(RR::Pending), R::Completed, Some(RR::Refunded)),
        (Some(RR::Pending), R::Failed, Some(RR::Refused)),
        (Some(RR::Pending), R::Cancelled, Some(RR::Refused)),
        (Some(RR::Pending), R::Pending, None),
        (Some(RR::Refunded), R::Completed, None),
        (Some(RR::Refunded), R::Failed, Some(RR::Refused)),
        (Some(RR::Refunded), R::Cancelled, Some(RR::Refused)),
        (Some(RR::Refunded), R::Pending, None),
        (Some(RR::Refused), R::Completed, Some(RR::Refunded)),
        (Some(RR::Refused), R::Pending, None),
        (Some(RR::Refused), R::Failed, None),
    ] {
        let mut record = captured(P::Captured, B::Upcoming);
        record
            .refunds
            .extend(recorded.map(|status| recorded_refund("R", "100", status)));
        let mut observed = observation(A::Captured, &[("C", C::PartiallyRefunded)]);
        observed.refunds.push(refund("R", "100", shown));
        let expected = difference.map(|status| refunded("R", "100", status, recorded.is_some()));
        assert_eq!(
            seen(&record, &observed),
            Vec::from_iter(expected),
            "{recorded:?} {shown:?}"
        );
    }
}

#[test]
fn lost_refund_is_recognized_by_our_id() {
    for (status, shown, expected) in [
        (RR::Ordered, R::Completed, RR::Refunded),
        (RR::Ordered, R::Pending, RR::Pending),
        (RR::Ordered, R::Failed, RR::Refused),
        // PayPal refused the call, and had made the refund before.
        (RR::Refused, R::Pending, RR::Pending),
        (RR::Refused, R::Completed, RR::Refunded),
    ] {
        let mut record = captured(P::Captured, B::Upcoming);
        record.refunds.push(recorded_refund("", "100", status));
        let mut observed = observation(A::Captured, &[("C", C::PartiallyRefunded)]);
        observed.refunds.push(Refund {
            custom_id: Some(Uuid::from_u128(7)),
            ..refund("R", "100", shown)
        });
        assert_eq!(
            seen(&record, &observed),
            [refunded("R", "100", expected, true)]
        );
    }
}

#[test]
fn refund_belongs_to_its_capture() {
    let mut observed = observation(A::Captured, &[("C", C::PartiallyRefunded)]);
    observed.refunds.push(Refund {
        capture_id: None,
        ..refund("R", "100", R::Completed)
    });
    let record = captured(P::Captured, B::Upcoming);
    assert_eq!(
        seen(&record, &observed),
        [refunded("R", "100", RR::Refunded, false)]
    );
    // PayPal does not say which of two.
    observed.captures.push(capture("D", C::Completed));
    let found = seen(&record, &observed);
    assert!(matches!(found[..], [Difference::Captured(..)]), "{found:?}");
}

/// Refunds that we have and those that PayPal lists of a refunded capture, and the reversal.
#[test]
fn unexplained_rest_of_refunded_capture_is_reversal() {
    for (recorded, listed, reversal) in [
        (None, None, Some("237.60")),
        (
            Some(("R", "100", RR::Refunded)),
            Some(("100", R::Completed)),
            Some("137.60"),
        ),
        (
            Some(("R", "237.60", RR::Refunded)),
            Some(("237.60", R::Completed)),
            None,
        ),
        (
            Some(("R", "237.60", RR::Pending)),
            Some(("237.60", R::Pending)),
            None,
        ),
        // Our refund is not listed yet.
        (Some(("R", "237.60", RR::Refunded)), None, None),
        (Some(("R", "100", RR::Refunded)), None, Some("137.60")),
        // Our refund may be on its way.
        (Some(("", "237.60", RR::Ordered)), None, None),
        (
            Some(("R", "100", RR::Refused)),
            Some(("100", R::Failed)),
            Some("237.60"),
        ),
    ] {
        let mut record = captured(P::Captured, B::Upcoming);
        record
            .refunds
            .extend(recorded.map(|(id, sum, status)| recorded_refund(id, sum, status)));
        let mut observed = observation(A::Captured, &[("C", C::Refunded)]);
        observed
            .refunds
            .extend(listed.map(|(sum, status)| refund("R", sum, status)));
        let expected = reversal.map(|sum| refunded("C:reversal", sum, RR::Refunded, false));
        assert_eq!(
            seen(&record, &observed),
            Vec::from_iter(expected),
            "{recorded:?} {listed:?}"
        );
    }
}

#[test]
fn reversal_follows_its_capture() {
    let mut record = captured(P::Refunded, B::Upcoming);
    record
        .refunds
        .push(recorded_refund("C:reversal", "237.60", RR::Refunded));
    let known = observation(A::Captured, &[("C", C::Refunded)]);
    assert_eq!(seen(&record, &known), []);
    // The payer lost the dispute.
    let won = observation(A::Captured, &[("C", C::Completed)]);
    assert_eq!(
        seen(&record, &won),
        [refunded("C:reversal", "237.60", RR::Refused, true)]
    );
    // PayPal lists it late, as a refund.
    let mut listed = known.clone();
    listed.refunds.push(refund("R", "237.60", R::Completed));
    assert_eq!(
        seen(&record, &listed),
        [
            refunded("R", "237.60", RR::Refunded, false),
            refunded("C:reversal", "237.60", RR::Refused, true)
        ]
    );
    // The amount is unknown, so nothing changes.
    assert_eq!(
        seen(
            &record,
            &observation(A::Captured, &[("C", C::PartiallyRefunded)])
        ),
        []
    );
}

#[test]
fn other_currency_is_no_difference() {
    let euros = crate::domain::money::Currency::parse("EUR").unwrap();
    let mut observed = observation(A::Captured, &[("D", C::Completed)]);
    observed.captures[0].money.currency = euros;
    assert_eq!(seen(&captured(P::Captured, B::Upcoming), &observed), []);
    let mut observed = observation(A::Captured, &[("C", C::PartiallyRefunded)]);
    observed.refunds.push(refund("R", "100", R::Completed));
    observed.refunds[0].money.currency = euros;
    assert_eq!(seen(&captured(P::Captured, B::Upcoming), &observed), []);
}

/// The effect of each difference on the state of its record.
/// The state of a payment after its only difference was applied.
fn next_state(record: &PaymentRecord, observed: &Observation) -> P {
    let found = seen(record, observed);
    let [difference] = &found[..] else {
        panic!("{found:?}");
    };
    difference.event(record).map_or(record.status, |event| {
        transition(record.status, event).state(record.status)
    })
}

#[test]
fn refunds_are_steps_of_the_state_machine() {
    let money = |refunds: &[(&str, R)]| {
        let mut observed = observation(A::Captured, &[("C", C::PartiallyRefunded)]);
        let refunds = refunds
            .iter()
            .map(|(sum, status)| refund("R", sum, *status));
        observed.refunds.extend(refunds);
        observed
    };
    let mut returned = captured(P::PartiallyRefunded, B::Upcoming);
    returned
        .refunds
        .push(recorded_refund("R", "100", RR::Refunded));
    returned.refunded_amount = amount("100");
    let mut two = returned.clone();
    two.refunded_amount = amount("150");
    two.status = P::Refunded;
    let plain = captured(P::Captured, B::Upcoming);
    for (record, observed, state) in [
        (
            &plain,
            money(&[("100", R::Completed)]),
            P::PartiallyRefunded,
        ),
        (&plain, money(&[("237.60", R::Completed)]), P::Refunded),
        (&plain, money(&[("100", R::Pending)]), P::Captured),
        (&returned, money(&[("100", R::Failed)]), P::Captured),
        (&two, money(&[("100", R::Cancelled)]), P::PartiallyRefunded),
    ] {
        assert_eq!(next_state(record, &observed), state, "{record:?}");
    }
}

#[test]
fn differences_are_steps_of_the_state_machine() {
    for (record, observed, state) in [
        (
            &booked(P::Created),
            observation(A::Created, &[]),
            P::Authorized,
        ),
        (
            &booked(P::Created),
            observation(A::Pending, &[]),
            P::AuthorizationPending,
        ),
        (
            &booked(P::AuthorizationPending),
            observation(A::Denied, &[]),
            P::Failed,
        ),
        (
            &booked(P::Voided),
            observation(A::Created, &[]),
            P::Authorized,
        ),
        (
            &booked(P::Authorized),
            observation(A::Voided, &[]),
            P::Voided,
        ),
        (
            &booked(P::Capturing),
            observation(A::Created, &[("C", C::Pending)]),
            P::CapturePending,
        ),
        (
            &booked(P::Capturing),
            observation(A::Created, &[("C", C::Declined)]),
            P::Failed,
        ),
        (
            &booked(P::Voided),
            observation(A::Captured, &[("C", C::Completed)]),
            P::Captured,
        ),
    ] {
        assert_eq!(next_state(record, &observed), state, "{record:?}");
    }
}
