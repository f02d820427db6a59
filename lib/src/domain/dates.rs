//! Calendar days, and rentals as half-open ranges of days.

use crate::domain::refusal::Refusal;
use jiff::civil::Date;
use serde::Serialize;

/// Parses `YYYY-MM-DD`, an existing day in the years 2000 to 2199.
pub(crate) fn parse_date(text: &str) -> Result<Date, Refusal> {
    const SHAPE: Refusal =
        Refusal::new("invalid_date", "must be a calendar day written YYYY-MM-DD");
    let bytes = text.as_bytes();
    let has_shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !has_shape {
        return Err(SHAPE);
    }
    let date: Date = text.parse().map_err(|_| SHAPE)?;
    if (2000..2200).contains(&date.year()) {
        Ok(date)
    } else {
        Err(SHAPE)
    }
}

/// A rental from its pick-up on `start` to its return on `end`, a later day. Another rental of the
/// car may start on `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DateRange {
    start: Date,
    end: Date,
}

impl DateRange {
    /// The longest range of a request.
    pub(crate) const MAX_DAYS: i32 = 366;

    /// A range of 1 to 366 days.
    pub(crate) fn new(start: Date, end: Date) -> Result<Self, Refusal> {
        match days_between(start, end) {
            ..=0 => Err(Refusal::new(
                "not_after_start",
                "must be later than the start date",
            )),
            1..=Self::MAX_DAYS => Ok(Self { start, end }),
            _ => Err(Refusal::new(
                "range_too_long",
                "must be at most 366 days after the start date",
            )),
        }
    }

    /// The day of the pick-up.
    #[must_use]
    pub(crate) fn start(self) -> Date {
        self.start
    }

    /// The day of the return, which is not part of the rental.
    #[must_use]
    pub(crate) fn end(self) -> Date {
        self.end
    }
}

fn days_between(start: Date, end: Date) -> i32 {
    i32::try_from(start.duration_until(end).as_hours() / 24).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_days_are_refused() {
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
    fn rental_is_half_open() {
        let day = |text| parse_date(text).unwrap();
        let days = |range: DateRange| days_between(range.start(), range.end());
        assert_eq!(
            days(DateRange::new(day("2027-03-01"), day("2027-03-05")).unwrap()),
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
            days(DateRange::new(day("2027-01-01"), day("2028-01-02")).unwrap()),
            366
        );
    }
}
