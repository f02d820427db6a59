//! Calendar days and half-open rentals.

use crate::domain::refusal::Refusal;
use jiff::civil::Date;
use serde::Serialize;

/// Reads `YYYY-MM-DD`, a day that exists, in the years 2000 to 2199.
pub fn parse_date(text: &str) -> Result<Date, Refusal> {
    const SHAPE: Refusal =
        Refusal::new("invalid_date", "must be a calendar day written YYYY-MM-DD");
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return Err(SHAPE);
    }
    let date: Date = text.parse().map_err(|_| SHAPE)?;
    if (2000..2200).contains(&date.year()) {
        Ok(date)
    } else {
        Err(SHAPE)
    }
}

/// A rental: picked up on `start`, back on `end`, which is a later day. The car can leave again on `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DateRange {
    start: Date,
    end: Date,
}

impl DateRange {
    /// The longest range that may be asked for, in days.
    pub const MOST_DAYS: i32 = 366;

    /// A range of 1 to 366 days.
    pub fn new(start: Date, end: Date) -> Result<Self, Refusal> {
        match days_between(start, end) {
            ..=0 => Err(Refusal::new(
                "not_after_start",
                "must be later than the start date",
            )),
            1..=Self::MOST_DAYS => Ok(Self { start, end }),
            _ => Err(Refusal::new(
                "range_too_long",
                "must be at most 366 days after the start date",
            )),
        }
    }

    /// The day of the pick-up.
    #[must_use]
    pub fn start(&self) -> Date {
        self.start
    }

    /// The day of the return, no longer part of the rental.
    #[must_use]
    pub fn end(&self) -> Date {
        self.end
    }

    /// `end - start`.
    #[must_use]
    pub fn rental_days(&self) -> i32 {
        days_between(self.start, self.end)
    }
}

fn days_between(start: Date, end: Date) -> i32 {
    i32::try_from(start.duration_until(end).as_hours() / 24).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist() {
        for text in [
            "2025-02-31",
            "2025-2-1",
            "9999-01-01",
            "1999-12-31",
            "2025-02-01T00:00:00Z",
            "",
            "20250201",
            "２０２５-02-01",
        ] {
            assert_eq!(
                parse_date(text).unwrap_err().code,
                "invalid_date",
                "{text:?}"
            );
        }
        assert_eq!(parse_date("2028-02-29").unwrap().to_string(), "2028-02-29");
    }

    #[test]
    fn a_rental_is_half_open() {
        let day = |text| parse_date(text).unwrap();
        assert_eq!(
            DateRange::new(day("2027-03-01"), day("2027-03-05"))
                .unwrap()
                .rental_days(),
            4
        );
        assert_eq!(
            DateRange::new(day("2027-03-01"), day("2027-03-01"))
                .unwrap_err()
                .code,
            "not_after_start"
        );
        assert_eq!(
            DateRange::new(day("2027-03-02"), day("2027-03-01"))
                .unwrap_err()
                .code,
            "not_after_start"
        );
        assert_eq!(
            DateRange::new(day("2027-03-01"), day("2067-03-01"))
                .unwrap_err()
                .code,
            "range_too_long"
        );
        assert_eq!(
            DateRange::new(day("2027-01-01"), day("2028-01-02"))
                .unwrap()
                .rental_days(),
            366
        );
    }
}
