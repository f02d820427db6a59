use super::tests::{booked, seen};
use super::*;
use crate::domain::{
    booking_state::BookingState as B, observation::CaptureStatus as C, payment_fixtures::*,
};
use AuthorizationStatus as A;
use PaymentState as P;
use RecordedCaptureStatus as RC;

#[test]
fn captures_are_compared_one_by_one() {
    let none = None;
    for (recorded, shown, difference) in [
        (none, C::Completed, Some(RC::Completed)),
        (none, C::Refunded, Some(RC::Completed)),
        (none, C::Pending, Some(RC::Pending)),
        (none, C::Declined, Some(RC::Declined)),
        (none, C::Failed, Some(RC::Declined)),
        (none, C::Unknown, None),
        (Some(RC::Pending), C::Completed, Some(RC::Completed)),
        (Some(RC::Pending), C::Declined, Some(RC::Declined)),
        (Some(RC::Pending), C::Pending, None),
        (Some(RC::Declined), C::Completed, Some(RC::Completed)),
        (Some(RC::Declined), C::Pending, None),
        (Some(RC::Declined), C::Declined, None),
        (Some(RC::Completed), C::Completed, None),
        (Some(RC::Completed), C::Pending, None),
        (Some(RC::Completed), C::Declined, None),
    ] {
        let mut record = booked(P::Capturing);
        record
            .captures
            .extend(recorded.map(|status| recorded_capture("C", status)));
        // A refunded capture is a reversal, too.
        let found: Vec<_> = seen(&record, &observation(A::Created, &[("C", shown)]))
            .into_iter()
            .filter(|difference| matches!(difference, Difference::Captured(..)))
            .collect();
        let expected = difference.map(|status| Difference::Captured(capture("C", shown), status));
        assert_eq!(found, Vec::from_iter(expected), "{recorded:?} {shown:?}");
    }
}

#[test]
fn second_capture_is_difference() {
    let observed = observation(A::Captured, &[("C", C::Completed), ("D", C::Completed)]);
    let second = Difference::Captured(capture("D", C::Completed), RC::Completed);
    assert_eq!(
        seen(&captured(P::Captured, B::Upcoming), &observed),
        [second]
    );
}

/// PayPal shows an authorization as captured when a final capture took a part of it.
#[test]
fn final_capture_of_part_ends_hold() {
    let part = |status| Capture {
        money: money("118.80"),
        ..capture("C", status)
    };
    let shown = |status, captures| Observation {
        captures,
        ..observation(status, &[])
    };
    let open = PaymentRecord {
        hold_ended: false,
        ..captured(P::Captured, B::Upcoming)
    };
    let of_part = |mut record: PaymentRecord| {
        record.captures[0].amount = part(C::Completed).money.amount;
        record
    };
    let ended = [Difference::Ended(End::Captured)];
    let part_shown = shown(A::Captured, vec![part(C::Completed)]);
    assert_eq!(seen(&of_part(open.clone()), &part_shown), ended);
    assert_eq!(
        seen(&open, &part_shown),
        [
            Difference::Captured(part(C::Completed), RC::Completed),
            ended[0].clone()
        ],
        "the recorded amount was wrong"
    );
    assert_eq!(
        seen(&booked(P::Authorized), &part_shown),
        [
            Difference::Captured(part(C::Completed), RC::Completed),
            ended[0].clone()
        ],
        "the capture comes first"
    );
    for (record, observed) in [
        (of_part(captured(P::Captured, B::Upcoming)), part_shown),
        (
            of_part(open.clone()),
            shown(A::PartiallyCaptured, vec![part(C::Completed)]),
        ),
        (
            open.clone(),
            shown(A::Captured, vec![capture("C", C::Completed)]),
        ),
        (open, shown(A::Captured, Vec::new())),
    ] {
        assert_eq!(seen(&record, &observed), [], "{record:?}");
    }
    let reviewed = shown(A::Captured, vec![part(C::Pending)]);
    let pending = PaymentRecord {
        captures: vec![recorded_capture("C", RC::Pending)],
        ..booked(P::CapturePending)
    };
    assert_eq!(seen(&pending, &reviewed), ended, "PayPal released the rest");
    let noticed = PaymentRecord {
        hold_ended: true,
        ..pending
    };
    assert_eq!(seen(&noticed, &reviewed), []);
    let whole = shown(A::Captured, vec![capture("C", C::Pending)]);
    assert_eq!(seen(&noticed, &whole), []);
}

/// The part of a cancellation is declined after PayPal's review.
#[test]
fn declined_part_may_return_hold() {
    let record = PaymentRecord {
        captures: vec![recorded_capture("C", RC::Pending)],
        hold_ended: true,
        ..booked(P::CapturePending)
    };
    for (shown, decided, returns_hold) in [
        (A::Created, C::Declined, true),
        (A::Created, C::Failed, true),
        (A::Captured, C::Declined, false),
        (A::Voided, C::Declined, false),
        (A::Created, C::Completed, false),
    ] {
        let found = seen(&record, &observation(shown, &[("C", decided)]));
        let of_capture: Vec<_> = found
            .iter()
            .filter(|difference| !matches!(difference, Difference::Ended(_)))
            .collect();
        let expected = if returns_hold {
            Difference::HoldReturned(capture("C", decided))
        } else {
            Difference::Captured(capture("C", decided), decided.recorded().unwrap())
        };
        assert_eq!(of_capture, [&expected], "{shown:?} {decided:?}");
    }
    // A capture of the whole has not ended the hold.
    let whole = PaymentRecord {
        hold_ended: false,
        ..record
    };
    assert_eq!(
        seen(&whole, &observation(A::Created, &[("C", C::Declined)])),
        [Difference::Captured(
            capture("C", C::Declined),
            RC::Declined
        )]
    );
}
