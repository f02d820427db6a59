//! The days and cars that visitors ask for.

use crate::connection::Connection;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// The days of a rental.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Days {
    pub(crate) start: Date,
    pub(crate) end: Date,
}

impl Days {
    pub(crate) fn query(self) -> String {
        format!("startDate={}&endDate={}", self.start, self.end)
    }

    /// Each day on which the car is rented.
    pub(crate) fn each_day(self) -> impl Iterator<Item = Date> {
        self.start
            .series(1.day())
            .take_while(move |day| *day < self.end)
    }
}

/// `length` days, starting `ahead` days after `now`.
pub(crate) fn days(now: Timestamp, ahead: i64, length: i64) -> Days {
    let today = now.to_zoned(TimeZone::UTC).date();
    let start = today.checked_add(ahead.days()).unwrap();
    let end = start.checked_add(length.days()).unwrap();
    Days { start, end }
}

/// The slugs of the cars in the list on `port`.
pub(crate) async fn fleet(port: u16) -> Vec<String> {
    let list = Connection::open(port).await.get("/api/cars?limit=50").await;
    let cars = list.json()["cars"].as_array().unwrap().clone();
    cars.iter()
        .map(|car| car["slug"].as_str().unwrap().to_owned())
        .collect()
}
