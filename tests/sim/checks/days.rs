//! What a visitor is shown: a day that was booked, and announced, before they asked is not free.
//!
//! Announced means that a generation was renewed after the booking was made: the car's for its own days, the fleet's for
//! the list of cars that are free. Where that message was lost, an older answer may be served for some seconds; that is the
//! price of a cache and no fault.

use crate::books::Books;
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// To an instance whose clock is ahead a hold has lapsed so much earlier.
const SKEW: SignedDuration = SignedDuration::from_secs(2);

/// Whose generation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Car(Uuid),
    Fleet,
}

/// The bookings that everybody knows, by the generation that announced them.
#[derive(Default)]
pub(super) struct Days(BTreeMap<Scope, Vec<Announced>>);

#[derive(Clone)]
struct Announced {
    booking: Uuid,
    car: Uuid,
    first: Date,
    end: Date,
    /// When its hold lapses, unless it was prolonged since.
    until: Timestamp,
}

/// What one visitor must be shown.
pub(crate) struct Reading(Vec<Announced>);

impl Days {
    pub(super) fn announce(&mut self, scope: Scope, books: &Books) {
        let announced = books
            .bookings
            .values()
            .filter(|booking| booking.occupies())
            .filter(|booking| scope == Scope::Fleet || scope == Scope::Car(booking.car_id))
            .map(|booking| Announced {
                booking: booking.id,
                car: booking.car_id,
                first: booking.first,
                end: booking.end,
                until: match booking.hold_expires_at {
                    Some(end) if !booking.is_confirmed() => end,
                    _ => Timestamp::MAX,
                },
            })
            .collect();
        self.0.insert(scope, announced);
    }

    pub(super) fn begin_reading(&self, scope: Scope) -> Reading {
        Reading(self.0.get(&scope).cloned().unwrap_or_default())
    }
}

impl Reading {
    /// Those that still stand at `now`.
    fn standing<'a>(
        &'a self,
        books: &'a Books,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Announced> {
        let latest = now.checked_add(SKEW).unwrap_or(now);
        self.0
            .iter()
            .filter(move |announced| announced.until > latest)
            .filter(|announced| books.bookings[&announced.booking].occupies())
    }

    /// The body of `GET /api/cars/availability`, which came at `now`.
    pub(super) fn judge_days(
        &self,
        answer: &Value,
        books: &Books,
        now: Timestamp,
    ) -> Option<String> {
        let days = answer["availability"].as_array()?;
        self.standing(books, now).find_map(|announced| {
            let free = days.iter().find(|day| {
                let date: Date = day["date"].as_str().unwrap().parse().unwrap();
                day["available"] == true && announced.first <= date && date < announced.end
            })?;
            Some(format!(
                "{} is shown free, although {} was announced before",
                free["date"], announced.booking
            ))
        })
    }

    /// The body of `GET /api/cars` with these days, which came at `now`.
    pub(super) fn judge_list(
        &self,
        answer: &Value,
        (start, end): (Date, Date),
        books: &Books,
        now: Timestamp,
    ) -> Option<String> {
        let cars = answer["cars"].as_array()?;
        self.standing(books, now)
            .filter(|announced| announced.first < end && start < announced.end)
            .find(|announced| {
                cars.iter()
                    .any(|car| car["id"] == announced.car.to_string())
            })
            .map(|announced| {
                format!(
                    "{} is listed as free from {start} to {end}, although {} was announced before",
                    announced.car, announced.booking
                )
            })
    }
}
