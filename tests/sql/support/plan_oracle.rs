//! The product's capture rules, written again in Rust to check the schedule in the database.

use crate::support::{database::Database, fixtures::NOW, random::Random};
use exodrive::domain::payment_plan::{LIFE, PlanFacts};
use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time},
    tz::Offset,
};

/// Time zones with a constant offset from UTC, in minutes.
pub(crate) const ZONES: [(&str, i32); 6] = [
    ("UTC", 0),
    ("Asia/Tokyo", 540),
    ("Asia/Kathmandu", 345),
    ("Pacific/Kiritimati", 840),
    ("America/Phoenix", -420),
    ("Pacific/Pago_Pago", -660),
];

#[derive(Debug)]
struct Rule {
    name: &'static str,
    kind: &'static str,
    hours_before: Option<u32>,
    priority: u32,
    active: bool,
}

/// All inputs of a schedule.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) zone: usize,
    pickup: Time,
    rules: Vec<Rule>,
    pub(crate) held_at: Timestamp,
    days_ahead: u32,
    pub(crate) authorized_at: Timestamp,
    /// The lifetime of the authorization. `None` if PayPal does not report it.
    pub(crate) life: Option<SignedDuration>,
    contract_signed_at: Option<Timestamp>,
    approved_at: Option<Timestamp>,
    /// Whether contract and approval are recorded before the payment.
    pub(crate) known_before: bool,
}

fn later(moment: Timestamp, seconds: u32) -> Timestamp {
    moment + SignedDuration::from_secs(i64::from(seconds))
}

fn random_rules(random: &mut Random) -> Vec<Rule> {
    let mut rule = |name, kind: &'static str| Rule {
        name,
        kind,
        hours_before: (kind == "hours_before_rental").then(|| {
            if random.chance(2) {
                random.below(100)
            } else {
                random.below(721)
            }
        }),
        priority: random.below(4),
        active: !random.chance(3),
    };
    // The rules get ids in this order. Among equal priorities, the smaller id wins.
    vec![
        rule("On contract", "on_contract"),
        rule("So long before", "hours_before_rental"),
        rule("On approval", "on_approval"),
        rule("As long before", "hours_before_rental"),
    ]
}

pub(crate) fn random_case(random: &mut Random) -> Case {
    let held_at = later(NOW.parse().unwrap(), random.below(300 * 86_400));
    let authorized_at = later(held_at, random.below(15 * 60));
    let mut random_moment = || {
        random
            .chance(2)
            .then(|| later(held_at - 24.hours(), random.below(45 * 86_400)))
    };
    let (contract_signed_at, approved_at) = (random_moment(), random_moment());
    Case {
        zone: usize::try_from(random.below(6)).unwrap(),
        pickup: Time::constant(0, 0, 0, 0) + i64::from(random.below(24 * 60)).minutes(),
        rules: random_rules(random),
        held_at,
        days_ahead: 1 + if random.chance(2) {
            random.below(360)
        } else {
            random.below(40)
        },
        authorized_at,
        life: match random.below(4) {
            0 => None,
            1 => Some(LIFE),
            2 => Some(SignedDuration::from_secs(i64::from(
                1 + random.below(4 * 86_400),
            ))),
            _ => Some(SignedDuration::from_secs(i64::from(
                1 + random.below(29 * 86_400),
            ))),
        },
        contract_signed_at,
        approved_at,
        known_before: random.chance(2),
    }
}

impl Case {
    /// The date of the pick-up.
    pub(crate) fn start(&self) -> Date {
        Offset::UTC.to_datetime(self.held_at).date() + i64::from(self.days_ahead).days()
    }

    fn moment(&self, rule: &Rule) -> Option<Timestamp> {
        match (rule.kind, rule.hours_before) {
            ("on_contract", _) => self.contract_signed_at,
            ("on_approval", _) => self.approved_at,
            (_, hours) => Some(self.pick_up_at() - i64::from(hours.unwrap()).hours()),
        }
    }

    fn pick_up_at(&self) -> Timestamp {
        let offset = Offset::from_seconds(ZONES[self.zone].1 * 60).unwrap();
        offset
            .to_timestamp(self.start().to_datetime(self.pickup))
            .unwrap()
    }

    /// The expected facts of the paid booking.
    pub(crate) fn facts(&self) -> PlanFacts {
        let candidates = self
            .rules
            .iter()
            .filter(|rule| rule.active && self.moment(rule).is_some());
        // Among equal priorities, the first rule wins.
        let winner = candidates.reduce(|first, rule| {
            if rule.priority > first.priority {
                rule
            } else {
                first
            }
        });
        PlanFacts {
            rule: winner.map(|rule| rule.name.to_owned()),
            moment: winner.and_then(|rule| self.moment(rule)),
            confirmed_at: Some(self.authorized_at),
            authorized_at: Some(self.authorized_at),
            lapses_at: Some(self.authorized_at + self.life.unwrap_or(LIFE)),
            pick_up_at: Some(self.pick_up_at()),
            ..PlanFacts::default()
        }
    }

    /// Stores the rules and the pick-up time.
    pub(crate) async fn prepare(&self, db: &Database) {
        db.run(&format!(
            "DELETE FROM payment_capture_rules; UPDATE cars SET pickup_time = '{}'",
            self.pickup
        ))
        .await;
        for (number, rule) in self.rules.iter().enumerate() {
            let hours = rule
                .hours_before
                .map_or("NULL".to_owned(), |hours| hours.to_string());
            db.run(&format!(
                "INSERT INTO payment_capture_rules (id, name, kind, hours_before, priority, active) \
                 VALUES ('00000000-0000-4000-8000-00000000000{number}', '{}', '{}', {hours}, {}, {})",
                rule.name, rule.kind, rule.priority, rule.active
            ))
            .await;
        }
    }

    /// Records the contract and the approval.
    pub(crate) async fn record_approval(&self, db: &Database, booking_id: &str) {
        let moment = |at: Option<Timestamp>| at.map_or("NULL".to_owned(), |at| format!("'{at}'"));
        let (signed, approved) = (moment(self.contract_signed_at), moment(self.approved_at));
        db.run(&format!("UPDATE bookings SET contract_signed_at = {signed}, approved_at = {approved} WHERE id = '{booking_id}'")).await;
    }
}
