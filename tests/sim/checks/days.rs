//! Checks that a day is not free in a response if its booking was announced before the request.
//!
//! A booking is announced when Redis stores a new generation. The car's generation announces it for
//! the car's days, and the fleet's generation for the list of free cars. If that write is lost,
//! older responses may be served for some seconds, as with any cache.
//!
//! A booking that changes the free days must also be announced. An instance retries a lost
//! announcement, so at the end of a run only an instance that ended owes one.

use crate::{
    books::{Booking, Books},
    world::Origin,
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A hold expires this much earlier for an instance whose clock is ahead.
const SKEW: SignedDuration = SignedDuration::from_secs(2);

/// The subject of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Car(Uuid),
    Fleet,
}

/// The announced bookings, by the generation that announced them.
#[derive(Default)]
pub(super) struct Announcements(BTreeMap<Scope, Vec<Announcement>>);

#[derive(Clone)]
struct Announcement {
    booking: Uuid,
    car: Uuid,
    first: Date,
    end: Date,
    /// The end of the hold. A later extension does not count.
    until: Timestamp,
}

/// Changes of the free days that an instance has committed and not announced yet.
#[derive(Default)]
pub(super) struct Unannounced(BTreeMap<(usize, Uuid), Change>);

struct Change {
    booking: Uuid,
    origin: String,
}

impl Unannounced {
    /// Records the bookings that began or stopped to block days by a call of `origin`, whose
    /// response arrived.
    pub(super) fn record(&mut self, before: &Books, after: &Books, origin: &Origin) {
        let Some(instance) = origin.instance else {
            return;
        };
        for booking in after.bookings.values() {
            let did_block = before
                .bookings
                .get(&booking.id)
                .is_some_and(Booking::blocks_days);
            // The days of a completed rental are over.
            if did_block != booking.blocks_days() && booking.status != "completed" {
                let change = Change {
                    booking: booking.id,
                    origin: origin.name.clone(),
                };
                self.0.insert((instance, booking.car_id), change);
            }
        }
    }

    /// A generation announces all changes of its car.
    pub(super) fn announce(&mut self, scope: Scope) {
        if let Scope::Car(car) = scope {
            self.0.retain(|(_, changed), _| *changed != car);
        }
    }

    /// An instance that ends forgets its changes. The cache's entries expire within half a minute.
    pub(super) fn forget(&mut self, instance: usize) {
        self.0.retain(|(owner, _), _| *owner != instance);
    }

    /// A change that was never announced.
    pub(super) fn violation(&self) -> Option<String> {
        self.0.iter().next().map(|((_, car), change)| {
            format!(
                "{} changed the days of {car} by {}, and no generation announced it",
                change.origin, change.booking
            )
        })
    }
}

/// The announcements before a request, which its response must show.
pub(crate) struct Snapshot(Vec<Announcement>);

impl Announcements {
    pub(super) fn announce(&mut self, scope: Scope, books: &Books) {
        let announcements = books
            .bookings
            .values()
            .filter(|booking| booking.blocks_days())
            .filter(|booking| scope == Scope::Fleet || scope == Scope::Car(booking.car_id))
            .map(|booking| Announcement {
                booking: booking.id,
                car: booking.car_id,
                first: booking.first(),
                end: booking.end(),
                until: match booking.hold_expires_at {
                    Some(end) if !booking.is_confirmed() => end,
                    _ => Timestamp::MAX,
                },
            })
            .collect();
        self.0.insert(scope, announcements);
    }

    pub(super) fn snapshot(&self, scope: Scope) -> Snapshot {
        Snapshot(self.0.get(&scope).cloned().unwrap_or_default())
    }
}

impl Snapshot {
    /// The announcements that are still valid at `now`.
    fn valid<'a>(
        &'a self,
        books: &'a Books,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Announcement> {
        let latest = now.checked_add(SKEW).unwrap_or(now);
        self.0
            .iter()
            .filter(move |announcement| announcement.until > latest)
            .filter(|announcement| books.bookings[&announcement.booking].blocks_days())
    }

    /// Checks the body of `GET /api/cars/availability`, which arrived at `now`.
    pub(super) fn days_violation(
        &self,
        body: &Value,
        books: &Books,
        now: Timestamp,
    ) -> Option<String> {
        let days = body["availability"].as_array()?;
        self.valid(books, now).find_map(|announcement| {
            let free = days.iter().find(|day| {
                let date: Date = day["date"].as_str().unwrap().parse().unwrap();
                day["available"] == true && announcement.first <= date && date < announcement.end
            })?;
            Some(format!(
                "{} is shown as free, although {} was announced before",
                free["date"], announcement.booking
            ))
        })
    }

    /// Checks the body of `GET /api/cars` for these days, which arrived at `now`.
    pub(super) fn list_violation(
        &self,
        body: &Value,
        (start, end): (Date, Date),
        books: &Books,
        now: Timestamp,
    ) -> Option<String> {
        let cars = body["cars"].as_array()?;
        self.valid(books, now)
            .filter(|announcement| announcement.first < end && start < announcement.end)
            .find(|announcement| {
                cars.iter()
                    .any(|car| car["id"] == announcement.car.to_string())
            })
            .map(|announcement| {
                format!(
                    "{} is listed as free from {start} to {end}, although {} was announced before",
                    announcement.car, announcement.booking
                )
            })
    }
}
