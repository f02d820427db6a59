use super::tests::seen;
use super::*;
use crate::domain::{
    booking_state::BookingState as B, observation::ObservedOrder, payment_fixtures::*,
};
use AuthorizationStatus as A;
use PaymentState as P;

#[test]
fn unauthorized_order_lapses_after_seven_hours() {
    let created = record(P::Created, B::Expired);
    let (young, old) = (at("2030-01-20T03:00:00Z"), at("2030-01-20T03:00:01Z"));
    let expired = [Difference::Ended(End::Expired)];
    for (status, when_young, when_old) in [
        (OrderStatus::Created, false, true),
        (OrderStatus::Saved, false, true),
        (OrderStatus::Approved, false, true),
        (OrderStatus::PayerActionRequired, false, true),
        (OrderStatus::Missing, false, true),
        (OrderStatus::Voided, true, true),
        (OrderStatus::Completed, false, false),
        (OrderStatus::Unknown, false, false),
    ] {
        for (now, is_lapsed) in [(young, when_young), (old, when_old)] {
            let found = differences(&created, &order(status), now);
            let expected = if is_lapsed { &expired[..] } else { &[] };
            assert_eq!(found, expected, "{status:?} {now}");
        }
    }
    // Nothing that PayPal holds lives for 30 days.
    for status in [OrderStatus::Completed, OrderStatus::Unknown] {
        for (now, expected) in [
            (at("2030-02-18T20:00:00Z"), &[][..]),
            (at("2030-02-18T20:00:01Z"), &expired[..]),
        ] {
            assert_eq!(
                differences(&created, &order(status), now),
                expected,
                "{status:?} {now}"
            );
        }
    }
    for (shown, is_lapsed) in [(A::Denied, true), (A::Voided, true), (A::Unknown, false)] {
        let mut observed = observation(shown, &[]);
        observed.orders[0].status = OrderStatus::Approved;
        let expected = if is_lapsed { &expired[..] } else { &[] };
        assert_eq!(differences(&created, &observed, old), expected, "{shown:?}");
    }
    assert_eq!(
        differences(&created, &observation(A::Created, &[]), old).len(),
        1
    );
}

#[test]
fn all_orders_must_lapse() {
    let mut created = record(P::Created, B::Expired);
    created.order_ids.push("P".into());
    let old = at("2030-01-20T03:00:01Z");
    let mut observed = order(OrderStatus::Voided);
    assert_eq!(differences(&created, &observed, old), [], "P was not seen");
    for (status, is_lapsed) in [
        (OrderStatus::Missing, true),
        (OrderStatus::Voided, true),
        (OrderStatus::Completed, false),
    ] {
        observed.orders.truncate(1);
        observed.orders.push(ObservedOrder {
            id: "P".into(),
            status,
        });
        assert_eq!(
            differences(&created, &observed, old).len(),
            usize::from(is_lapsed)
        );
    }
    // The older order may still be approved.
    observed.orders[1].status = OrderStatus::Approved;
    assert_eq!(seen(&created, &observed), []);
    let mut authorized = observation(A::Created, &[]);
    authorized.authorizations[0].order_id = Some("P".into());
    let expected = Difference::Authorized(authorized.authorizations[0].clone());
    assert_eq!(differences(&created, &authorized, old), [expected]);
}
