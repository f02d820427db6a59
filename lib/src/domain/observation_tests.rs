use super::*;
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
        booking_id: Uuid::nil(),
        reference: "EXO-AAAAAA".into(),
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

fn authorization(status: AuthorizationStatus) -> SeenAuthorization {
    SeenAuthorization {
        id: "A".into(),
        status,
        money: money("237.60"),
        expires_at: None,
    }
}

fn capture(id: &str, status: CaptureStatus) -> SeenCapture {
    SeenCapture {
        id: id.into(),
        status,
        money: money("237.60"),
    }
}

pub(in crate::domain) fn seen(
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
fn what_both_say_is_no_difference() {
    for (status, shown) in [
        (P::Created, seen(&[], &[], "0")),
        (P::Authorized, seen(&[A::Created], &[], "0")),
        (P::Capturing, seen(&[A::Created], &[("C", C::Pending)], "0")),
        (
            P::Captured,
            seen(&[A::Captured], &[("C", C::Completed)], "0"),
        ),
        (P::Voided, seen(&[A::Voided], &[], "0")),
    ] {
        assert_eq!(
            differences(&record(status, B::Upcoming), &shown, at(NOW)),
            [],
            "{status:?}"
        );
    }
}

#[test]
fn what_paypal_did_alone_is_found() {
    let booked = |status| record(status, B::Upcoming);
    let taken = seen(&[A::Captured], &[("C", C::Completed)], "0");
    assert_eq!(
        differences(&booked(P::Created), &taken, at(NOW)),
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
            differences(&booked(status), &taken, at(NOW)),
            [Difference::Captured(capture("C", C::Completed))],
            "{status:?}"
        );
    }
    let given_back = seen(&[A::Captured], &[("C", C::PartiallyRefunded)], "100.00");
    assert_eq!(
        differences(&booked(P::Captured), &given_back, at(NOW)),
        [Difference::Refunded(money("100").amount)]
    );
    let mut waiting = booked(P::Captured);
    waiting.refunds_open = true;
    assert_eq!(
        differences(&waiting, &given_back, at(NOW)),
        [],
        "a refund of ours tells"
    );
}

#[test]
fn an_authorization_that_is_gone_was_voided_or_lapsed() {
    let gone = seen(&[A::Voided], &[], "0");
    let held = record(P::Authorized, B::Upcoming);
    assert_eq!(
        differences(&held, &gone, at("2030-02-07T23:59:59Z")),
        [Difference::Voided]
    );
    assert_eq!(
        differences(&held, &gone, at("2030-02-08T00:00:00Z")),
        [Difference::Lapsed]
    );
}

#[test]
fn an_order_that_nobody_authorized_lapses_after_seven_hours() {
    let created = record(P::Created, B::Expired);
    let nothing = seen(&[], &[], "0");
    assert_eq!(
        differences(&created, &nothing, at("2030-01-20T03:00:00Z")),
        []
    );
    let later = at("2030-01-20T03:00:01Z");
    assert_eq!(differences(&created, &nothing, later), [Difference::Lapsed]);
    assert_eq!(
        differences(&created, &seen(&[A::Denied], &[], "0"), later),
        [Difference::Lapsed]
    );
    assert_eq!(
        differences(&created, &seen(&[A::Created], &[], "0"), later),
        [Difference::Authorized]
    );
}

proptest! {
    /// Applying what differs leaves nothing that differs.
    #[test]
    fn differences_applied_are_gone(status in proptest::sample::select(PaymentState::ALL.as_slice()), captured in any::<bool>(), voided in any::<bool>(), cents in 0_i64..=23_760) {
        let authorization = match (captured, voided) { (true, _) => A::Captured, (false, true) => A::Voided, (false, false) => A::Created };
        let captures: &[(&str, C)] = if captured { &[("C", C::Completed)] } else { &[] };
        let refunded = Decimal::new(if captured { cents } else { 0 }, 2).to_string();
        let shown = seen(&[authorization], captures, &refunded);
        let mut ours = record(status, B::Upcoming);
        for difference in differences(&ours, &shown, at(NOW)) {
            let event = difference.event(&ours);
            ours.status = crate::domain::payment_state::step(ours.status, event).state(ours.status);
            match difference {
                Difference::Captured(capture) => ours.capture_id = Some(capture.id),
                Difference::Refunded(total) => ours.refunded_amount = total,
                _ => {}
            }
        }
        prop_assert_eq!(differences(&ours, &shown, at(NOW)), []);
    }
}
