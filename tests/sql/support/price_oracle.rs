//! The product's price rules, written again in Rust to check `calculate_booking_price`.

use jiff::{ToSpan, civil::Date};
use rust_decimal::{Decimal, RoundingStrategy};

/// A rate rule or a discount rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) for_all_cars: bool,
    pub(crate) priority: i32,
    pub(crate) effect: Effect,
}

#[derive(Debug)]
pub(crate) enum Effect {
    Rate {
        starts_on: Option<Date>,
        ends_on: Option<Date>,
        weekdays: Option<Vec<i8>>,
        multiplier: Decimal,
    },
    Discount {
        min_days: i32,
        percent: Decimal,
    },
}

/// All inputs of a price.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) base: Decimal,
    pub(crate) tax_percent: Decimal,
    pub(crate) mandatory_fees: Vec<Decimal>,
    pub(crate) rules: Vec<Rule>,
}

/// A price. Consecutive days at one rate form a group.
#[derive(Debug, PartialEq)]
pub(crate) struct Price {
    pub(crate) groups: Vec<(i64, Decimal)>,
    pub(crate) rental: Decimal,
    pub(crate) fees: Decimal,
    pub(crate) discount: Decimal,
    pub(crate) taxes: Decimal,
    pub(crate) total: Decimal,
}

pub(crate) fn price(terms: &Terms, start: Date, days: i32) -> Price {
    let mut groups: Vec<(i64, Decimal)> = Vec::new();
    for n in 0..days {
        let rate = cents(terms.base * multiplier(terms, start.checked_add(n.days()).unwrap()));
        match groups.last_mut() {
            Some((count, same)) if *same == rate => *count += 1,
            _ => groups.push((1, rate)),
        }
    }
    let rental = groups
        .iter()
        .map(|(count, rate)| Decimal::from(*count) * rate)
        .sum::<Decimal>();
    let fees = terms.mandatory_fees.iter().sum::<Decimal>();
    let hundred = Decimal::ONE_HUNDRED;
    let discount = cents((rental + fees) * discount_percent(terms, days) / hundred);
    let taxes = cents((rental + fees - discount) * terms.tax_percent / hundred);
    Price {
        total: rental + fees - discount + taxes,
        groups,
        rental,
        fees,
        discount,
        taxes,
    }
}

fn multiplier(terms: &Terms, day: Date) -> Decimal {
    let weekday = day.weekday().to_monday_one_offset();
    let applies = |rule: &Rule| match &rule.effect {
        Effect::Rate {
            starts_on,
            ends_on,
            weekdays,
            multiplier,
        } if starts_on.is_none_or(|first| first <= day)
            && ends_on.is_none_or(|last| day <= last)
            && weekdays.as_ref().is_none_or(|days| days.contains(&weekday)) =>
        {
            Some(*multiplier)
        }
        _ => None,
    };
    winning_value(terms, applies).unwrap_or(Decimal::ONE)
}

fn discount_percent(terms: &Terms, days: i32) -> Decimal {
    let applies = |rule: &Rule| match &rule.effect {
        Effect::Discount { min_days, percent } if *min_days <= days => Some(*percent),
        _ => None,
    };
    winning_value(terms, applies).unwrap_or(Decimal::ZERO)
}

/// The value of the winning rule: by priority, then the car's own rule, then the smaller id.
fn winning_value(terms: &Terms, applies: impl Fn(&Rule) -> Option<Decimal>) -> Option<Decimal> {
    let candidates = terms
        .rules
        .iter()
        .filter_map(|rule| Some((rule, applies(rule)?)));
    let winner = candidates.min_by(|(a, _), (b, _)| {
        b.priority
            .cmp(&a.priority)
            .then(a.for_all_cars.cmp(&b.for_all_cars))
            .then(a.id.cmp(&b.id))
    });
    winner.map(|(_, value)| value)
}

fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}
