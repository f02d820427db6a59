//! What a visitor is shown: a day that was booked, and announced, before they asked is not free.
//!
//! Announced means that the car's generation was renewed after the booking was made. Where that message was lost, an older
//! answer may be served for some seconds; that is the price of a cache and no fault.

use crate::books::Books;
use jiff::{Timestamp, civil::Date};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The bookings of each car that everybody knows.
#[derive(Default)]
pub(super) struct Days(BTreeMap<Uuid, Vec<Announced>>);

#[derive(Clone)]
struct Announced {
    booking: Uuid,
    first: Date,
    end: Date,
    /// When its hold lapses, unless it was prolonged since.
    until: Timestamp,
}

/// What one visitor must be shown.
pub(crate) struct Reading(Vec<Announced>);

impl Days {
    pub(super) fn announce(&mut self, car: Uuid, books: &Books) {
        let announced = books
            .bookings
            .values()
            .filter(|booking| booking.car_id == car && booking.occupies())
            .map(|booking| Announced {
                booking: booking.id,
                first: booking.first,
                end: booking.end,
                until: match booking.hold_expires_at {
                    Some(end) if !booking.is_confirmed() => end,
                    _ => Timestamp::MAX,
                },
            })
            .collect();
        self.0.insert(car, announced);
    }

    pub(super) fn begin_reading(&self, car: Uuid) -> Reading {
        Reading(self.0.get(&car).cloned().unwrap_or_default())
    }
}

impl Reading {
    /// The body of `GET /api/cars/availability`, which came at `now`.
    pub(super) fn judge(&self, answer: &Value, books: &Books, now: Timestamp) -> Option<String> {
        let days = answer["availability"].as_array()?;
        self.0
            .iter()
            .filter(|announced| announced.until > now)
            .filter(|announced| books.bookings[&announced.booking].occupies())
            .find_map(|announced| {
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
}
