use super::*;
use crate::domain::payment_state::transition;
use proptest::prelude::*;

pub(in crate::domain) const NOW: &str = "2030-01-20T00:00:00Z";

pub(in crate::domain) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(in crate::domain) fn money(amount: &str) -> Money {
    Money {
        amount: Amount::parse(amount).unwrap(),
        currency: Currency::parse("USD").unwrap(),
    }
}

pub(in crate::domain) fn record(
    status: PaymentState,
    booking_status: BookingState,
) -> PaymentRecord {
    PaymentRecord {
        payment_id: Uuid::nil(),
        status,
        booking_status,
        is_latest: true,
        amount: money("237.60").amount,
        currency: money("237.60").currency,
        order_id: Some("O".into()),
        order_created_at: Some(at("2030-01-19T20:00:00Z")),
        authorization_id: (status != PaymentState::Created).then(|| "A".into()),
        authorization_expires_at: Some(at("2030-02-08T00:00:00Z")),
        capture_amount: None,
        capture_id: status.is_captured().then(|| "C".into()),
        refunded_amount: money("0").amount,
        void_reason: None,
        failure_code: None,
        refunds_open: false,
        refund_refused: false,
        updated_at: at("2030-01-10T00:00:00Z"),
    }
}

fn authorization(status: AuthorizationStatus) -> Authorization {
    Authorization {
        id: "A".into(),
        status,
        money: money("237.60"),
        expires_at: None,
    }
}

fn capture(id: &str, status: CaptureStatus) -> Capture {
    Capture {
        id: id.into(),
        status,
        money: money("237.60"),
    }
}

pub(in crate::domain) fn observation(
    authorizations: &[AuthorizationStatus],
    captures: &[(&str, CaptureStatus)],
    refunded: &str,
) -> Observation {
    Observation {
        authorizations: authorizations.iter().copied().map(authorization).collect(),
        captures: captures
            .iter()
            .map(|(id, status)| capture(id, *status))
            .collect(),
        refunded: refunded.parse().unwrap(),
    }
}

use AuthorizationStatus as A;
use BookingState as B;
use CaptureStatus as C;
use PaymentState as P;

#[test]
fn equal_record_has_no_difference() {
    for (status, observed) in [
        (P::Created, observation(&[], &[], "0")),
        (P::Authorized, observation(&[A::Created], &[], "0")),
        (
            P::Capturing,
            observation(&[A::Created], &[("C", C::Pending)], "0"),
        ),
        (
            P::Captured,
            observation(&[A::Captured], &[("C", C::Completed)], "0"),
        ),
        (P::Voided, observation(&[A::Voided], &[], "0")),
    ] {
        assert_eq!(
            differences(&record(status, B::Upcoming), &observed, at(NOW)),
            [],
            "{status:?}"
        );
    }
}

#[test]
fn actions_of_paypal_are_found() {
    let booked = |status| record(status, B::Upcoming);
    let captured = observation(&[A::Captured], &[("C", C::Completed)], "0");
    assert_eq!(
        differences(&booked(P::Created), &captured, at(NOW)),
        [
            Difference::Authorized,
            Difference::Captured(capture("C", C::Completed))
        ]
    );
    for status in [
        P::Authorized,
        P::Capturing,
        P::Voided,
        P::Failed,
        P::Expired,
    ] {
        assert_eq!(
            differences(&booked(status), &captured, at(NOW)),
            [Difference::Captured(capture("C", C::Completed))],
            "{status:?}"
        );
    }
    let refunded = observation(&[A::Captured], &[("C", C::PartiallyRefunded)], "100.00");
    assert_eq!(
        differences(&booked(P::Captured), &refunded, at(NOW)),
        [Difference::Refunded(money("100").amount)]
    );
    let mut waiting = booked(P::Captured);
    waiting.refunds_open = true;
    assert_eq!(
        differences(&waiting, &refunded, at(NOW)),
        [],
        "the ordered refund records it"
    );
}

#[test]
fn missing_authorization_was_voided_or_expired() {
    let voided = observation(&[A::Voided], &[], "0");
    let authorized = record(P::Authorized, B::Upcoming);
    assert_eq!(
        differences(&authorized, &voided, at("2030-02-07T23:59:59Z")),
        [Difference::Voided]
    );
    assert_eq!(
        differences(&authorized, &voided, at("2030-02-08T00:00:00Z")),
        [Difference::Expired]
    );
}

#[test]
fn unauthorized_order_expires_after_seven_hours() {
    let created = record(P::Created, B::Expired);
    let nothing = observation(&[], &[], "0");
    assert_eq!(
        differences(&created, &nothing, at("2030-01-20T03:00:00Z")),
        []
    );
    let later = at("2030-01-20T03:00:01Z");
    assert_eq!(
        differences(&created, &nothing, later),
        [Difference::Expired]
    );
    assert_eq!(
        differences(&created, &observation(&[A::Denied], &[], "0"), later),
        [Difference::Expired]
    );
    assert_eq!(
        differences(&created, &observation(&[A::Created], &[], "0"), later),
        [Difference::Authorized]
    );
}

proptest! {
    #[test]
    fn applied_differences_disappear(
        status in proptest::sample::select(PaymentState::ALL.as_slice()),
        captured in any::<bool>(),
        voided in any::<bool>(),
        cents in 0_i64..=23_760,
    ) {
        let authorization = match (captured, voided) {
            (true, _) => A::Captured,
            (false, true) => A::Voided,
            (false, false) => A::Created,
        };
        let captures: &[(&str, C)] = if captured { &[("C", C::Completed)] } else { &[] };
        let refunded = Decimal::new(if captured { cents } else { 0 }, 2).to_string();
        let observed = observation(&[authorization], captures, &refunded);
        let mut updated = record(status, B::Upcoming);
        for difference in differences(&updated, &observed, at(NOW)) {
            let event = difference.event(&updated);
            updated.status = transition(updated.status, event).state(updated.status);
            match difference {
                Difference::Captured(capture) => updated.capture_id = Some(capture.id),
                Difference::Refunded(total) => updated.refunded_amount = total,
                _ => {}
            }
        }
        prop_assert_eq!(differences(&updated, &observed, at(NOW)), []);
    }
}
