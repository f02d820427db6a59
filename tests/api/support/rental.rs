//! Cars and days that a test has for itself.
//!
//! Days are chosen by chance and checked against the product's own calendar, so the suite runs again and again on the same
//! data; what this process has chosen is remembered, so that tests that run together never choose the same.

use super::{client::Client, local_system::today, random::random_below};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// Days kept free on both sides: the longest turnaround of a car.
const MARGIN: i64 = 2;
/// Chosen so far: car, first day, day after the last, margins included.
static CHOSEN: Mutex<Vec<(String, Date, Date)>> = Mutex::new(Vec::new());

/// A car for some days: picked up on `start`, back on `end`.
#[derive(Clone, Debug)]
pub(crate) struct Rental {
    /// The slug.
    pub(crate) car: String,
    pub(crate) start: Date,
    pub(crate) end: Date,
}

impl Rental {
    /// Free days a month to ten months ahead.
    pub(crate) async fn far_ahead(client: &Client, days: i64) -> Self {
        Self::between(client, days, 30, 330).await
    }

    /// The same of another car.
    pub(crate) async fn for_another_car(&self, client: &Client, days: i64) -> Self {
        loop {
            let other = Self::far_ahead(client, days).await;
            if other.car != self.car {
                return other;
            }
        }
    }

    /// Free days that begin in three days, for a test that waits for them: within the days that PayPal honours the funds.
    pub(crate) async fn soon(client: &Client, days: i64) -> Self {
        Self::between(client, days, 3, 4).await
    }

    /// Free days that begin from `least` to `most - 1` days ahead.
    pub(crate) async fn between(client: &Client, days: i64, least: i64, most: i64) -> Self {
        let cars = rentable(client, days).await;
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
            if rental.choose() && rental.is_free(client).await {
                return rental;
            }
        }
        panic!("500 tries found no {days} free days from {least} to {most} days ahead");
    }

    /// The part of it that begins `from` days after its start and takes `days` days.
    pub(crate) fn part(&self, from: i64, days: i64) -> Self {
        let start = self.start.checked_add(from.days()).unwrap();
        Self {
            car: self.car.clone(),
            start,
            end: start.checked_add(days.days()).unwrap(),
        }
    }

    /// Noon in UTC so many days before the pick-up: the same date where any of the cars stands.
    pub(crate) fn noon_before(&self, days: i64) -> Timestamp {
        let day = self.start.checked_sub(days.days()).unwrap();
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    /// `carId`, `startDate` and `endDate`, as every route takes them.
    pub(crate) fn body(&self) -> Value {
        json!({"carId": self.car, "startDate": self.start, "endDate": self.end})
    }

    /// The path of its availability.
    pub(crate) fn availability_path(&self) -> String {
        format!(
            "/api/cars/availability?carId={}&startDate={}&endDate={}",
            self.car, self.start, self.end
        )
    }

    /// The server's price of it, as it would be booked now.
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

    /// Whether nobody in this process has chosen it; then it is chosen.
    fn choose(&self) -> bool {
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

    /// Whether all its days and the margins are free by the product's calendar.
    async fn is_free(&self, client: &Client) -> bool {
        let (start, end) = self.with_margins();
        let wide = Self {
            car: self.car.clone(),
            start,
            end,
        };
        let response = client
            .with_new_address()
            .get(&wide.availability_path())
            .await
            .expect(200);
        response["summary"]["unavailableDays"] == 0
    }
}

/// The slugs of the cars that are rented for so many days.
async fn rentable(client: &Client, days: i64) -> Vec<String> {
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
    assert!(!cars.is_empty(), "no car is rented for {days} days");
    cars
}
