//! The plan of a customer: the car, the days, the pauses and the point of dropout.

use super::Scenario;
use crate::{
    fleet::{CARS, Car},
    random::Random,
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use std::time::Duration;

/// The step after which a customer leaves for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dropout {
    AfterHold,
    AfterOrder,
    AfterApproval,
    Never,
}

/// The `totalPrice` that the customer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatedPrice {
    None,
    Shown,
    TooLow,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) car: &'static Car,
    /// Names the car by its id, not by its slug.
    pub(crate) uses_id: bool,
    pub(crate) start: Date,
    pub(crate) end: Date,
    pub(crate) stated_price: StatedPrice,
    /// Orders with a shop's own reference instead of a booking's id. The order creates the hold.
    pub(crate) uses_shop: bool,
    /// An instruction to the PayPal simulator, in the order's description.
    pub(crate) script: &'static str,
    pub(crate) dropout: Dropout,
    /// The pause before the customer cancels a paid booking.
    pub(crate) cancels_after: Option<Duration>,
    /// Cancels in one tab while paying in another.
    pub(crate) cancels_meanwhile: bool,
    /// The pauses before the visit, the order, the approval and the authorization.
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
    pub(crate) fn choose(
        random: &mut Random,
        now: Timestamp,
        car: u64,
        scenario: Scenario,
    ) -> Self {
        let car = &CARS[usize::try_from(car).unwrap()];
        let today = now.to_zoned(TimeZone::UTC).date();
        // A start many days ahead needs a reauthorization before the capture.
        let ahead = if scenario.cron_minutes > 1000 {
            4 + random.below(4)
        } else if scenario.is_crowded {
            1 + random.below(3)
        } else {
            // PayPal refunds for 180 days after a capture, which comes 27 days after the booking.
            random.weighted(&[(57, 1), (14, 5), (23, 25), (3, 200), (3, 330)])
                + random.between(0, 3)
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
            uses_id: random.chance(300),
            start: day(ahead),
            end: day(ahead + days),
            stated_price: random.weighted(&[
                (60, StatedPrice::None),
                (30, StatedPrice::Shown),
                (10, StatedPrice::TooLow),
            ]),
            uses_shop: random.chance(250),
            script: random.weighted(&SCRIPTS),
            cancels_after,
            cancels_meanwhile: random.chance(80),
            dropout: random.weighted(&[
                (6, Dropout::AfterHold),
                (6, Dropout::AfterOrder),
                (6, Dropout::AfterApproval),
                (82, Dropout::Never),
            ]),
            pauses,
        }
    }

    pub(crate) fn car_name(&self) -> String {
        if self.uses_id {
            self.car.id.to_string()
        } else {
            self.car.slug.to_owned()
        }
    }
}
