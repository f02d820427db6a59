//! Cars and days that one test has for itself.
//!
//! Days are random and available, so the suite can run again on the same data. Chosen days are
//! remembered, so two tests of one run never choose the same.

use super::{client::Client, local_system::today, random::random_below};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// Free days on both sides: the longest turnaround of a car.
const MARGIN: i64 = 2;
/// Car, first day and day after the last, including margins.
static CHOSEN: Mutex<Vec<(String, Date, Date)>> = Mutex::new(Vec::new());

/// A car for some days.
#[derive(Clone, Debug)]
pub(crate) struct Rental {
    /// The slug.
    pub(crate) car: String,
    /// The day of the pick-up.
    pub(crate) start: Date,
    /// The day of the return, exclusive.
    pub(crate) end: Date,
}

impl Rental {
    /// Free days that begin 30 to 329 days ahead.
    pub(crate) async fn far_ahead(client: &Client, days: i64) -> Self {
        Self::between(client, days, 30, 330).await
    }

    /// Free days of another car, that begin 30 to 329 days ahead.
    pub(crate) async fn for_another_car(&self, client: &Client, days: i64) -> Self {
        loop {
            let other = Self::far_ahead(client, days).await;
            if other.car != self.car {
                return other;
            }
        }
    }

    /// Free days that begin in three days, while PayPal still honors the authorized funds.
    pub(crate) async fn soon(client: &Client, days: i64) -> Self {
        Self::between(client, days, 3, 4).await
    }

    /// Free days that begin from `least` to `most - 1` days ahead.
    pub(crate) async fn between(client: &Client, days: i64, least: i64, most: i64) -> Self {
        let cars = rentable_cars(client, days).await;
        let today = today().await;
        for _ in 0..500 {
            let car = &cars[random_below(cars.len())];
            let ahead = least
                + i64::try_from(random_below(usize::try_from(most - least).unwrap())).unwrap();
            let start = today.checked_add(ahead.days()).unwrap();
            let rental = Self {
                car: car.clone(),
                start,
                end: start.checked_add(days.days()).unwrap(),
            };
            if rental.reserve() && rental.is_free(client).await {
                return rental;
            }
        }
        panic!("500 tries found no {days} free days from {least} to {most} days ahead");
    }

    /// The part that begins `from` days after the start and lasts `days` days.
    pub(crate) fn part(&self, from: i64, days: i64) -> Self {
        let start = self.start.checked_add(from.days()).unwrap();
        Self {
            car: self.car.clone(),
            start,
            end: start.checked_add(days.days()).unwrap(),
        }
    }

    /// Noon in UTC, `days` before the pick-up. The date is the same in the time zone of each car.
    pub(crate) fn noon_before(&self, days: i64) -> Timestamp {
        let day = self.start.checked_sub(days.days()).unwrap();
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    /// The members that every route takes.
    pub(crate) fn body(&self) -> Value {
        json!({"carId": self.car, "startDate": self.start, "endDate": self.end})
    }

    pub(crate) fn availability_path(&self) -> String {
        format!(
            "/api/cars/availability?carId={}&startDate={}&endDate={}",
            self.car, self.start, self.end
        )
    }

    /// The server's price, for a rental that is free.
    pub(crate) async fn quote(&self, client: &Client) -> Value {
        let response = client
            .with_new_address()
            .get(&self.availability_path())
            .await
            .expect(200);
        assert_eq!(response["bookable"], true, "{response}");
        response["quote"].clone()
    }

    fn with_margins(&self) -> (Date, Date) {
        (
            self.start.checked_sub(MARGIN.days()).unwrap(),
            self.end.checked_add(MARGIN.days()).unwrap(),
        )
    }

    /// Reserves the rental for one test. Returns false when another test has some of its days.
    fn reserve(&self) -> bool {
        let (first, last) = self.with_margins();
        let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !chosen
            .iter()
            .any(|(car, start, end)| *car == self.car && *start < last && first < *end);
        if is_new {
            chosen.push((self.car.clone(), first, last));
        }
        is_new
    }

    /// Whether the product shows all days and margins as available.
    async fn is_free(&self, client: &Client) -> bool {
        let (start, end) = self.with_margins();
        let with_margins = Self {
            car: self.car.clone(),
            start,
            end,
        };
        let response = client
            .with_new_address()
            .get(&with_margins.availability_path())
            .await
            .expect(200);
        response["summary"]["unavailableDays"] == 0
    }
}

/// The slugs of the cars that can be rented for `days`.
async fn rentable_cars(client: &Client, days: i64) -> Vec<String> {
    let list = client
        .with_new_address()
        .get("/api/cars?limit=50")
        .await
        .expect(200);
    let cars: Vec<String> = list["cars"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|car| {
            car["minRentalDays"].as_i64().unwrap() <= days
                && days <= car["maxRentalDays"].as_i64().unwrap()
        })
        .map(|car| car["slug"].as_str().unwrap().to_owned())
        .collect();
    assert!(!cars.is_empty(), "no car can be rented for {days} days");
    cars
}
