//! What a customer is going to do.

use super::Mood;
use crate::{
    fleet::{CARS, Car},
    random::Random,
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use std::time::Duration;

/// Where a customer closes the browser for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leaving {
    AfterHolding,
    AfterOrdering,
    AfterApproving,
    Never,
}

/// What they say of the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    Nothing,
    WhatTheySaw,
    LessThanItCosts,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) car: &'static Car,
    /// Named by its id rather than its slug.
    pub(crate) by_id: bool,
    pub(crate) start: Date,
    pub(crate) end: Date,
    pub(crate) guess: Guess,
    /// Through a shop, whose reference makes the hold.
    pub(crate) by_shop: bool,
    /// What the order's description makes PayPal do.
    pub(crate) script: &'static str,
    pub(crate) leaving: Leaving,
    /// When they change their mind, if they do.
    pub(crate) cancels_after: Option<Duration>,
    /// They give up in one window while they pay in another.
    pub(crate) cancels_meanwhile: bool,
    /// Before they come, before they order, before they approve, before they authorize.
    pub(crate) pauses: [Duration; 4],
}

const SCRIPTS: [(u64, &str); 11] = [
    (60, ""),
    (8, "SIMULATE_AUTHORIZE_OTHER_AMOUNT"),
    (4, "SIMULATE_AUTHORIZE_DECLINED"),
    (4, "SIMULATE_AUTHORIZE_DENIED"),
    (2, "SIMULATE_AUTHORIZE_PENDING"),
    (4, "SIMULATE_CAPTURE_DECLINED"),
    (2, "SIMULATE_CAPTURE_PENDING"),
    (6, "SIMULATE_CAPTURE_BUSY_ONCE"),
    (4, "SIMULATE_FUNDS_LAPSE"),
    (6, "SIMULATE_REAUTHORIZE_AGAIN"),
    (2, "SIMULATE_REFUND_REFUSED"),
];

impl Plan {
    pub(crate) fn choose(random: &mut Random, now: Timestamp, car: u64, mood: Mood) -> Self {
        let car = &CARS[usize::try_from(car).unwrap()];
        let today = now.to_zoned(TimeZone::UTC).date();
        // Sometimes so far ahead that the authorization must be renewed before it is captured.
        let ahead = if mood.pace > 1000 {
            4 + random.below(4)
        } else if mood.is_crowded {
            1 + random.below(3)
        } else {
            random.weighted(&[(60, 1), (15, 5), (25, 25)]) + random.between(0, 3)
        };
        let (least, most) = car.days;
        let days = random.between(least, most.min(5));
        let day = |offset: u64| {
            today
                .checked_add(i64::try_from(offset).unwrap().days())
                .unwrap()
        };
        let mut pause = |usual: u64| {
            let seconds = random.weighted(&[
                (70, usual),
                (8, 15 * 60),
                (14, 40 * 60),
                (5, 185 * 60),
                (3, 26 * 3600),
            ]);
            Duration::from_secs(random.between(0, seconds))
        };
        let pauses = [pause(600), pause(40), pause(60), pause(20)];
        let cancels_after = random.chance(350).then(|| {
            let seconds = random.pick(&[1, 600, 3 * 3600, 40 * 3600]);
            Duration::from_secs(random.between(0, seconds))
        });
        Self {
            car,
            by_id: random.chance(300),
            start: day(ahead),
            end: day(ahead + days),
            guess: random.weighted(&[
                (60, Guess::Nothing),
                (30, Guess::WhatTheySaw),
                (10, Guess::LessThanItCosts),
            ]),
            by_shop: random.chance(250),
            script: random.weighted(&SCRIPTS),
            cancels_after,
            cancels_meanwhile: random.chance(80),
            leaving: random.weighted(&[
                (6, Leaving::AfterHolding),
                (6, Leaving::AfterOrdering),
                (6, Leaving::AfterApproving),
                (82, Leaving::Never),
            ]),
            pauses,
        }
    }

    /// The car, as they name it.
    pub(crate) fn car_name(&self) -> String {
        if self.by_id {
            self.car.id.to_string()
        } else {
            self.car.slug.to_owned()
        }
    }
}
