//! The plan of a payment: the times of its authorization, reauthorization and capture.
//!
//! PayPal keeps an authorization for 29 days and honors its funds for 3. A reauthorization restarts
//! the 3 days within the 29. A capture later than 3 days after the authorization therefore needs a
//! reauthorization first. A rule may put the capture beyond the 29 days. It then takes place 48
//! hours before their end, which leaves a day for the reauthorization.
//! <https://developer.paypal.com/docs/checkout/standard/customize/authorization/>
//!
//! PayPal refunds a capture for 180 days. A pick-up after their end can still be canceled, but its
//! money can no longer go back through PayPal. The plan says so before the capture.
//! <https://developer.paypal.com/docs/api/payments/v2/#captures_refund>
//!
//! The plan is shown to customers and operators. The database schedules the captures, and
//! `tests/sql/payments/plan.rs` compares its schedule with this plan.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The lifetime of an authorization.
pub const LIFE: SignedDuration = SignedDuration::from_hours(29 * 24);
/// The time for which PayPal honors its funds.
const HONOR_PERIOD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// The time between the latest capture and the end of the authorization.
const SAFETY_MARGIN: SignedDuration = SignedDuration::from_hours(48);

/// The time for which PayPal refunds a capture.
const REFUND_WINDOW: SignedDuration = SignedDuration::from_hours(180 * 24);

/// The end of the time in which PayPal refunds a capture.
#[must_use]
pub fn refundable_until(captured_at: Timestamp) -> Timestamp {
    later(captured_at, REFUND_WINDOW)
}

/// The facts on which the plan rests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanFacts {
    /// The capture rule that decides: of the rules in `payment_capture_rules` whose time is known,
    /// the one with the highest priority.
    pub rule: Option<String>,
    /// The capture time of the rule.
    pub moment: Option<Timestamp>,
    pub confirmed_at: Option<Timestamp>,
    pub authorized_at: Option<Timestamp>,
    /// The time of the last reauthorization.
    pub renewed_at: Option<Timestamp>,
    /// The expiry of the authorization.
    pub lapses_at: Option<Timestamp>,
    pub captured_at: Option<Timestamp>,
    pub pick_up_at: Option<Timestamp>,
    /// The earliest time at which a confirmed booking can be paid again.
    pub assumed_at: Option<Timestamp>,
}

/// The plan, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentPlan {
    /// The rule that decides about the capture.
    pub rule: Option<String>,
    pub authorize_at: Timestamp,
    /// The end of the honor period.
    pub honoured_until: Timestamp,
    /// The expiry of the authorization.
    pub lapses_at: Timestamp,
    /// The time of the reauthorization, if the capture is after the honor period.
    pub reauthorize_at: Option<Timestamp>,
    /// The time of the capture. `None` while no rule has a time.
    pub capture_at: Option<Timestamp>,
    /// Whether the capture is earlier than the rule says, because the authorization would expire.
    pub before_it_lapses: bool,
    /// Until when PayPal refunds the planned capture.
    pub refundable_until: Option<Timestamp>,
    /// Whether the pick-up is after that time.
    pub refund_ends_before_pick_up: bool,
}

/// The plan for a booking. Without an authorization, and unless the booking is paid again,
/// `assumed_at` stands for its time.
#[must_use]
pub fn plan(facts: &PlanFacts, assumed_at: Timestamp) -> PaymentPlan {
    let authorize_at = facts
        .authorized_at
        .or(facts.assumed_at)
        .unwrap_or(assumed_at);
    let lapses_at = facts.lapses_at.unwrap_or_else(|| later(authorize_at, LIFE));
    let honoured_from = facts.renewed_at.unwrap_or(authorize_at);
    let honoured_until = later(honoured_from, HONOR_PERIOD).min(lapses_at);
    let confirmed_at = facts.confirmed_at.unwrap_or(authorize_at).max(authorize_at);
    let latest = later(lapses_at, -SAFETY_MARGIN);
    let capture_at = facts.captured_at.or_else(|| {
        facts
            .moment
            .map(|moment| moment.min(latest).max(confirmed_at))
    });
    let reauthorize_at =
        capture_at.filter(|at| facts.captured_at.is_none() && *at > honoured_until);
    let refundable_until = capture_at.map(refundable_until);
    PaymentPlan {
        rule: facts.rule.clone(),
        authorize_at,
        honoured_until,
        lapses_at,
        reauthorize_at,
        capture_at,
        before_it_lapses: facts.captured_at.is_none()
            && facts.moment.is_some_and(|moment| moment > latest),
        refundable_until,
        refund_ends_before_pick_up: refundable_until
            .zip(facts.pick_up_at)
            .is_some_and(|(end, pick_up)| end < pick_up),
    }
}

fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn facts(moment: &str) -> PlanFacts {
        PlanFacts {
            rule: Some("24 hours before rental".into()),
            moment: Some(at(moment)),
            ..PlanFacts::default()
        }
    }

    #[test]
    fn near_rental_needs_no_reauthorization() {
        let plan = plan(&facts("2030-01-12T10:00:00Z"), at("2030-01-10T12:00:00Z"));
        assert_eq!(plan.capture_at, Some(at("2030-01-12T10:00:00Z")));
        assert_eq!(plan.reauthorize_at, None);
        assert!(!plan.before_it_lapses);
    }

    #[test]
    fn later_rental_is_reauthorized_before_capture() {
        let plan = plan(&facts("2030-01-29T10:00:00Z"), at("2030-01-10T12:00:00Z"));
        assert_eq!(plan.capture_at, Some(at("2030-01-29T10:00:00Z")));
        assert_eq!(plan.reauthorize_at, plan.capture_at);
        assert_eq!(plan.honoured_until, at("2030-01-13T12:00:00Z"));
    }

    #[test]
    fn distant_rental_is_captured_before_expiry() {
        let plan = plan(&facts("2030-04-10T10:00:00Z"), at("2030-01-10T12:00:00Z"));
        assert_eq!(plan.lapses_at, at("2030-02-08T12:00:00Z"));
        assert_eq!(plan.capture_at, Some(at("2030-02-06T12:00:00Z")));
        assert!(plan.before_it_lapses);
    }

    /// PayPal honors the money until the last moment, and the capture may be at the last one.
    #[test]
    fn last_moments_belong_to_their_periods() {
        let begin = at("2030-01-10T12:00:00Z");
        let honored = plan(&facts("2030-01-13T12:00:00Z"), begin);
        assert_eq!(honored.honoured_until, honored.capture_at.unwrap());
        assert_eq!(honored.reauthorize_at, None);
        let latest = plan(&facts("2030-02-06T12:00:00Z"), begin);
        assert_eq!(latest.capture_at, Some(at("2030-02-06T12:00:00Z")));
        assert!(!latest.before_it_lapses);
        let later = plan(&facts("2030-02-06T12:00:01Z"), begin);
        assert!(later.before_it_lapses);
    }

    #[test]
    fn captured_payment_needs_no_reauthorization() {
        let captured = PlanFacts {
            captured_at: Some(at("2030-01-20T00:00:00Z")),
            authorized_at: Some(at("2030-01-10T12:00:00Z")),
            ..facts("2030-01-29T10:00:00Z")
        };
        let plan = plan(&captured, at("2030-01-25T00:00:00Z"));
        assert_eq!(plan.capture_at, captured.captured_at);
        assert_eq!(plan.reauthorize_at, None);
    }

    #[test]
    fn refund_window_before_pick_up_is_warned_of() {
        // The capture is on the 27th day, so PayPal refunds until the 207th.
        for (days, is_late) in [(206, false), (207, false), (208, true), (340, true)] {
            let authorized_at = at("2030-01-10T12:00:00Z");
            let pick_up = later(authorized_at, SignedDuration::from_hours(days * 24));
            let facts = PlanFacts {
                moment: Some(later(pick_up, SignedDuration::from_hours(-24))),
                pick_up_at: Some(pick_up),
                ..PlanFacts::default()
            };
            let plan = plan(&facts, authorized_at);
            assert_eq!(plan.refundable_until, Some(at("2030-08-05T12:00:00Z")));
            assert_eq!(plan.refund_ends_before_pick_up, is_late, "{days} days");
        }
    }

    #[test]
    fn plan_without_capture_has_no_refund_window() {
        let plan = plan(&PlanFacts::default(), at("2030-01-10T12:00:00Z"));
        assert_eq!(
            (plan.refundable_until, plan.refund_ends_before_pick_up),
            (None, false)
        );
    }

    #[test]
    fn second_payment_is_planned_from_now() {
        let facts = PlanFacts {
            confirmed_at: Some(at("2030-01-10T12:00:00Z")),
            assumed_at: Some(at("2030-03-01T00:00:00Z")),
            ..facts("2030-02-01T00:00:00Z")
        };
        let plan = plan(&facts, at("2030-01-10T12:00:00Z"));
        assert_eq!(plan.authorize_at, at("2030-03-01T00:00:00Z"));
        assert_eq!(plan.capture_at, Some(at("2030-03-01T00:00:00Z")));
    }

    proptest! {
        #[test]
        fn capture_is_within_authorization(
            authorized in 0_i64..4_000_000_000,
            ahead in -864_000_i64..31_536_000,
            renewed in proptest::option::of(0_i64..2_505_600),
        ) {
            let authorized_at = Timestamp::from_second(authorized).unwrap();
            let facts = PlanFacts {
                moment: Some(Timestamp::from_second(authorized + ahead).unwrap()),
                confirmed_at: Some(authorized_at),
                authorized_at: Some(authorized_at),
                renewed_at: renewed
                    .map(|after| Timestamp::from_second(authorized + after).unwrap()),
                ..PlanFacts::default()
            };
            let plan = plan(&facts, authorized_at);
            let capture_at = plan.capture_at.unwrap();
            prop_assert!(capture_at >= authorized_at);
            prop_assert!(capture_at <= later(plan.lapses_at, -SAFETY_MARGIN));
            prop_assert_eq!(plan.reauthorize_at.is_some(), capture_at > plan.honoured_until);
            prop_assert!(plan.honoured_until <= plan.lapses_at);
        }
    }
}
