//! When a booking's money is held, renewed and taken.
//!
//! PayPal keeps an authorization for 29 days and honours its funds for 3; a reauthorization begins the 3 days anew, within
//! the 29. So a capture later than 3 days after the authorization is preceded by a reauthorization, and one that a rule
//! puts beyond the 29 days is taken 48 hours before they end, which leaves a day to renew it first.
//! <https://developer.paypal.com/docs/checkout/standard/customize/authorization/>

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long PayPal keeps an authorization.
pub const LIFE: SignedDuration = SignedDuration::from_hours(29 * 24);
/// How long PayPal honours its funds.
pub const HONOURED: SignedDuration = SignedDuration::from_hours(3 * 24);
/// A capture keeps this distance from the end of the authorization.
pub const SAFETY: SignedDuration = SignedDuration::from_hours(48);

/// What is known of a booking's money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanFacts {
    /// The capture rule that decides, of `payment_capture_rules` the one with the highest priority that knows its moment.
    pub rule: Option<String>,
    /// The moment it names.
    pub moment: Option<Timestamp>,
    /// When the booking was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When the money was authorized.
    pub authorized_at: Option<Timestamp>,
    /// When the authorization was renewed last.
    pub renewed_at: Option<Timestamp>,
    /// When it lapses.
    pub lapses_at: Option<Timestamp>,
    /// When the money was taken.
    pub captured_at: Option<Timestamp>,
}

/// What will happen with a booking's money, as far as it can be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentPlan {
    /// The rule that decides about the capture.
    pub rule: Option<String>,
    /// When the money is authorized, or would be.
    pub authorize_at: Timestamp,
    /// Until when PayPal honours the funds.
    pub honoured_until: Timestamp,
    /// When the authorization lapses.
    pub lapses_at: Timestamp,
    /// When it is renewed, where the capture comes after the honoured days.
    pub reauthorize_at: Option<Timestamp>,
    /// When the money is taken; absent while no rule knows.
    pub capture_at: Option<Timestamp>,
    /// Whether the capture comes earlier than the rule says, because the authorization would lapse before.
    pub before_it_lapses: bool,
}

/// The plan for a booking. One that is not authorized is planned as if it were at `asked_at`.
#[must_use]
pub fn plan(facts: &PlanFacts, asked_at: Timestamp) -> PaymentPlan {
    let authorize_at = facts.authorized_at.unwrap_or(asked_at);
    let lapses_at = facts.lapses_at.unwrap_or_else(|| later(authorize_at, LIFE));
    let honoured_from = facts.renewed_at.unwrap_or(authorize_at);
    let honoured_until = later(honoured_from, HONOURED).min(lapses_at);
    let confirmed_at = facts.confirmed_at.unwrap_or(authorize_at);
    let latest = later(lapses_at, -SAFETY);
    let capture_at = facts.captured_at.or_else(|| {
        facts
            .moment
            .map(|moment| moment.min(latest).max(confirmed_at))
    });
    let reauthorize_at =
        capture_at.filter(|at| facts.captured_at.is_none() && *at > honoured_until);
    PaymentPlan {
        rule: facts.rule.clone(),
        authorize_at,
        honoured_until,
        lapses_at,
        reauthorize_at,
        capture_at,
        before_it_lapses: facts.captured_at.is_none()
            && facts.moment.is_some_and(|moment| moment > latest),
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
    fn a_rental_in_two_days_needs_no_renewal() {
        let plan = plan(&facts("2030-01-12T10:00:00Z"), at("2030-01-10T12:00:00Z"));
        assert_eq!(plan.capture_at, Some(at("2030-01-12T10:00:00Z")));
        assert_eq!(plan.reauthorize_at, None);
        assert!(!plan.before_it_lapses);
    }

    #[test]
    fn a_rental_in_twenty_days_is_renewed_before_it_is_taken() {
        let plan = plan(&facts("2030-01-29T10:00:00Z"), at("2030-01-10T12:00:00Z"));
        assert_eq!(plan.capture_at, Some(at("2030-01-29T10:00:00Z")));
        assert_eq!(plan.reauthorize_at, plan.capture_at);
        assert_eq!(plan.honoured_until, at("2030-01-13T12:00:00Z"));
    }

    #[test]
    fn a_rental_in_three_months_is_taken_before_the_authorization_lapses() {
        let plan = plan(&facts("2030-04-10T10:00:00Z"), at("2030-01-10T12:00:00Z"));
        assert_eq!(plan.lapses_at, at("2030-02-08T12:00:00Z"));
        assert_eq!(plan.capture_at, Some(at("2030-02-06T12:00:00Z")));
        assert!(plan.before_it_lapses);
    }

    #[test]
    fn what_is_taken_is_planned_no_more() {
        let taken = PlanFacts {
            captured_at: Some(at("2030-01-20T00:00:00Z")),
            authorized_at: Some(at("2030-01-10T12:00:00Z")),
            ..facts("2030-01-29T10:00:00Z")
        };
        let plan = plan(&taken, at("2030-01-25T00:00:00Z"));
        assert_eq!(plan.capture_at, taken.captured_at);
        assert_eq!(plan.reauthorize_at, None);
    }

    proptest! {
        #[test]
        fn money_is_taken_while_it_is_held(authorized in 0_i64..4_000_000_000, ahead in -864_000_i64..31_536_000, renewed in proptest::option::of(0_i64..2_505_600)) {
            let authorized_at = Timestamp::from_second(authorized).unwrap();
            let facts = PlanFacts {
                moment: Some(Timestamp::from_second(authorized + ahead).unwrap()),
                confirmed_at: Some(authorized_at),
                authorized_at: Some(authorized_at),
                renewed_at: renewed.map(|after| Timestamp::from_second(authorized + after).unwrap()),
                ..PlanFacts::default()
            };
            let plan = plan(&facts, authorized_at);
            let capture_at = plan.capture_at.unwrap();
            prop_assert!(capture_at >= authorized_at);
            prop_assert!(capture_at <= later(plan.lapses_at, -SAFETY));
            prop_assert_eq!(plan.reauthorize_at.is_some(), capture_at > plan.honoured_until);
            prop_assert!(plan.honoured_until <= plan.lapses_at);
        }
    }
}
