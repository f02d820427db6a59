//! Findings by sums: captures, refunds and what is owed.

use super::tests::{capture_with, captures_of, found, kinds, returned};
use super::*;
use crate::domain::{
    money::Currency,
    observation::{OrderStatus, RefundStatus as R},
    payment_fixtures::*,
    payment_record::RecordedRefundStatus as RR,
};
use BookingState as B;
use CaptureStatus as C;
use FindingKind as F;
use PaymentState as P;

#[test]
fn only_what_exceeds_the_price_is_captured_twice() {
    let record = captured(P::Captured, B::Upcoming);
    for (sums, expected) in [
        (&["237.60", "237.60"][..], vec![F::CapturedTwice]),
        (&["118.80", "118.80"], vec![]),
        (&["118.80", "118.81"], vec![F::CapturedTwice]),
        (&["100", "100"], vec![F::AmountMismatch]),
        (&["100", "100", "37.60"], vec![]),
    ] {
        assert_eq!(kinds(&record, &captures_of(sums)), expected, "{sums:?}");
    }
    let twice = captures_of(&["237.60", "237.60"]);
    assert_eq!(
        found(&record, &twice),
        [(F::CapturedTwice, "C D".to_owned())]
    );
}

#[test]
fn captured_twice_ends_when_the_excess_went_back() {
    let record = captured(P::Captured, B::Upcoming);
    let mut seen = captures_of(&["237.60", "237.60"]);
    seen.captures[1].status = C::Refunded;
    assert_eq!(found(&record, &seen), []);
    seen.captures[1].status = C::PartiallyRefunded;
    let mut second = refund("R", "237.59", R::Completed);
    second.capture_id = Some("D".into());
    seen.refunds.push(second);
    assert_eq!(kinds(&record, &seen), [F::CapturedTwice]);
    seen.refunds[0].money = money("237.60");
    assert_eq!(found(&record, &seen), []);
    // A refund that failed gave nothing back.
    seen.refunds[0].status = R::Failed;
    seen.captures[1].status = C::Completed;
    assert_eq!(kinds(&record, &seen), [F::CapturedTwice]);
}

#[test]
fn other_sums_are_amount_mismatches() {
    let booked = captured(P::Captured, B::Upcoming);
    let mut kept = captured(P::Captured, B::Cancelled);
    kept.capture_amount = Some(amount("118.80"));
    let mut to_void = booked.clone();
    to_void.void_reason = Some("replaced".into());
    let cancelled = captured(P::Captured, B::Cancelled);
    let mismatch = |detail: &str| vec![(F::AmountMismatch, detail.to_owned())];
    for (record, sum, expected) in [
        (&booked, "200", mismatch("200.00 USD instead of 237.60 USD")),
        (
            &booked,
            "237.61",
            mismatch("237.61 USD instead of 237.60 USD"),
        ),
        (&booked, "237.60", vec![]),
        (
            &kept,
            "118.79",
            mismatch("118.79 USD instead of 118.80 USD"),
        ),
        (
            &kept,
            "237.60",
            mismatch("237.60 USD instead of 118.80 USD"),
        ),
        (&cancelled, "200", vec![]),
    ] {
        assert_eq!(found(record, &captures_of(&[sum])), expected, "{sum}");
    }
    assert!(!kinds(&to_void, &captures_of(&["200"])).contains(&F::AmountMismatch));
    let mut euros = captures_of(&["237.60"]);
    euros.captures[0].money.currency = Currency::parse("EUR").unwrap();
    assert_eq!(found(&booked, &euros), mismatch("C is 237.60 EUR, not USD"));
    // A refund in another currency is in no sum.
    let mut francs = captures_of(&["237.60"]);
    francs.refunds.push(refund("R", "10.00", R::Completed));
    francs.refunds[0].money.currency = Currency::parse("CHF").unwrap();
    assert_eq!(found(&booked, &francs), mismatch("R is 10.00 CHF, not USD"));
    // PayPal shows another authorized amount.
    let mut less = observation(AuthorizationStatus::Created, &[]);
    less.authorizations[0].money = money("1.00");
    assert_eq!(
        found(&record(P::Authorized, B::Upcoming), &less),
        mismatch("A authorizes 1.00 USD, not 237.60 USD")
    );
    // The part that a cancellation keeps was declined, and the hold has ended.
    let mut lost = record(P::Voided, B::Cancelled);
    lost.capture_amount = Some(amount("118.80"));
    assert_eq!(
        found(&lost, &observation(AuthorizationStatus::Voided, &[])),
        mismatch("0.00 USD is kept instead of 118.80 USD")
    );
    // The excess went back.
    let mut seen = captures_of(&["300"]);
    seen.captures[0].status = C::PartiallyRefunded;
    seen.refunds.push(refund("R", "62.40", R::Completed));
    assert_eq!(found(&booked, &seen), []);
    // The rest is still pending.
    let mut seen = captures_of(&["100"]);
    seen.captures.push(capture("D", C::Pending));
    assert_eq!(kinds(&booked, &seen), [F::CapturePending]);
}

#[test]
fn unknown_refunded_amount_is_mismatch() {
    let seen = capture_with(C::PartiallyRefunded, &[]);
    let booked = captured(P::Captured, B::Upcoming);
    let detail = "C is refunded by an unknown amount".to_owned();
    assert_eq!(found(&booked, &seen), [(F::AmountMismatch, detail)]);
    // We know it, and the list is old.
    let mut known = returned(P::PartiallyRefunded, B::Upcoming, "100");
    known.refunded_by_us = true;
    assert_eq!(found(&known, &seen), []);
}

#[test]
fn money_that_went_back_at_paypal_is_found() {
    for (status, sum, shown) in [
        (
            P::Refunded,
            "237.60",
            capture_with(C::Refunded, &[("237.60", R::Completed)]),
        ),
        (
            P::PartiallyRefunded,
            "100.00",
            capture_with(C::PartiallyRefunded, &[("100", R::Completed)]),
        ),
        // A reversal without a listed refund.
        (P::Refunded, "237.60", capture_with(C::Refunded, &[])),
    ] {
        for booking in [B::Upcoming, B::Active, B::Completed] {
            let record = returned(status, booking, sum);
            let detail = format!("{sum} of 237.60 USD");
            assert_eq!(found(&record, &shown), [(F::MoneyReturned, detail)]);
            let ours = PaymentRecord {
                refunded_by_us: true,
                ..record.clone()
            };
            assert_eq!(kinds(&ours, &shown), []);
            let earlier = PaymentRecord {
                is_latest: false,
                ..record
            };
            assert_eq!(kinds(&earlier, &shown), []);
        }
        assert_eq!(kinds(&returned(status, B::Cancelled, sum), &shown), []);
    }
    // The excess of two captures went back. The price is paid.
    let mut excess = returned(P::PartiallyRefunded, B::Upcoming, "237.60");
    excess.captured_amount = Some(amount("475.20"));
    let mut seen = captures_of(&["237.60", "237.60"]);
    seen.captures[0].status = C::Refunded;
    assert_eq!(kinds(&excess, &seen), []);
}

#[test]
fn refused_refund_is_found() {
    let mut refused = captured(P::Captured, B::Cancelled);
    refused.refund_refused = true;
    assert_eq!(
        found(&refused, &capture_with(C::Completed, &[])),
        [(F::RefundRefused, String::new())]
    );
}

#[test]
fn refund_is_pending_after_three_days() {
    let mut waiting = captured(P::Captured, B::Cancelled);
    waiting
        .refunds
        .push(recorded_refund("R", "100", RR::Pending));
    let seen = capture_with(C::PartiallyRefunded, &[("100", R::Pending)]);
    waiting.refunds[0].pending_since = Some(at("2030-01-17T00:00:00Z"));
    assert_eq!(kinds(&waiting, &seen), []);
    waiting.refunds[0].pending_since = Some(at("2030-01-16T23:59:59Z"));
    assert_eq!(found(&waiting, &seen), [(F::RefundPending, "R".to_owned())]);
    waiting.refunds[0].status = RR::Ordered;
    assert_eq!(kinds(&waiting, &seen), []);
}

#[test]
fn missing_refund_is_found() {
    let mut record = returned(P::PartiallyRefunded, B::Cancelled, "100");
    record
        .refunds
        .push(recorded_refund("S", "50", RR::Refunded));
    record.refunded_amount = amount("150");
    let seen = |refunds: &[(&str, R)]| capture_with(C::Completed, refunds);
    let missing = |detail: &str| vec![(F::RefundMissing, detail.to_owned())];
    for (refunds, expected) in [
        (&[][..], missing("0.00 of 150.00 USD")),
        (&[("100", R::Completed)], missing("100.00 of 150.00 USD")),
        (
            &[("100", R::Completed), ("50", R::Failed)],
            missing("100.00 of 150.00 USD"),
        ),
        (&[("100", R::Completed), ("50", R::Pending)], vec![]),
        (&[("100", R::Completed), ("50", R::Completed)], vec![]),
    ] {
        assert_eq!(found(&record, &seen(refunds)), expected, "{refunds:?}");
    }
    assert_eq!(found(&record, &capture_with(C::Refunded, &[])), []);
    // PayPal shows no capture, so it shows no refund either.
    assert_eq!(found(&record, &order(OrderStatus::Missing)), []);
    record.updated_at = at("2030-01-19T23:30:00Z");
    assert_eq!(found(&record, &seen(&[])), []);
}

#[test]
fn end_of_refund_window_is_found() {
    let mut booked = captured(P::Captured, B::Upcoming);
    let seen = capture_with(C::Completed, &[]);
    booked.start_date = Some("2030-02-03".parse().unwrap());
    // Day 180 is 2030-02-02 or 2030-02-03.
    booked.captured_at = Some(at("2029-08-06T12:00:00Z"));
    assert_eq!(
        found(&booked, &seen),
        [(F::RefundWindowEnds, "2030-02-02".to_owned())]
    );
    let mut same_day = booked.clone();
    same_day.start_date = Some("2030-02-02".parse().unwrap());
    assert_eq!(kinds(&same_day, &seen), []);
    let mut early = booked.clone();
    early.captured_at = Some(at("2029-08-07T00:00:01Z"));
    early.start_date = Some("2030-03-01".parse().unwrap());
    assert_eq!(kinds(&early, &seen), []);
    early.captured_at = Some(at("2029-08-07T00:00:00Z"));
    assert_eq!(kinds(&early, &seen), [F::RefundWindowEnds]);
    // It stays true after the day.
    early.captured_at = Some(at("2029-06-01T00:00:00Z"));
    assert_eq!(kinds(&early, &seen), [F::RefundWindowEnds]);
    for booking in [B::Active, B::Completed, B::Cancelled] {
        booked.booking_status = booking;
        assert_eq!(kinds(&booked, &seen), [], "{booking:?}");
    }
}
