//! The subset of cron expressions that vercel.json uses: minutes and hours, in UTC.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Minute and hour are each `*`, `*/n` or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    minute: Field,
    hour: Field,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Any,
    Every(i8),
    At(i8),
}

impl Field {
    fn parse(word: &str, count: i8) -> Option<Self> {
        if word == "*" {
            return Some(Self::Any);
        }
        let (step, digits) = match word.strip_prefix("*/") {
            Some(digits) => (true, digits),
            None => (false, word),
        };
        // `parse` would accept a sign.
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: i8 = digits.parse().ok().filter(|number| *number < count)?;
        match (step, number) {
            (true, 0) => None,
            (true, number) => Some(Self::Every(number)),
            (false, number) => Some(Self::At(number)),
        }
    }

    fn matches(self, value: i8) -> bool {
        match self {
            Self::Any => true,
            Self::Every(step) => value % step == 0,
            Self::At(number) => value == number,
        }
    }
}

impl Schedule {
    /// Parses `minute hour * * *`. The error names the invalid part.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, "*", "*", "*"] = words.as_slice() else {
            return Err(format!(
                "the schedule {text:?} is not of the form \"minute hour * * *\""
            ));
        };
        let unknown =
            |word: &str| format!("{word:?} in the schedule {text:?} is not *, */n or a number");
        Ok(Self {
            minute: Field::parse(minute, 60).ok_or_else(|| unknown(minute))?,
            hour: Field::parse(hour, 24).ok_or_else(|| unknown(hour))?,
        })
    }

    /// Whether a matching minute begins after `from` and not after `to`.
    pub(crate) fn is_due(self, from: Timestamp, to: Timestamp) -> bool {
        const MINUTE: i64 = 60;
        // Every schedule recurs within a day, so checking the minutes of the last day is enough.
        const DAY: i64 = 24 * 60;
        let first = from.as_second().div_euclid(MINUTE) + 1;
        let last = to.as_second().div_euclid(MINUTE);
        (first..=last)
            .rev()
            .take(usize::try_from(DAY).unwrap_or(usize::MAX))
            .any(|minute| {
                Timestamp::UNIX_EPOCH
                    .checked_add(SignedDuration::from_secs(minute * MINUTE))
                    .is_ok_and(|moment| self.matches(moment))
            })
    }

    fn matches(self, moment: Timestamp) -> bool {
        let time = TimeZone::UTC.to_datetime(moment).time();
        self.minute.matches(time.minute()) && self.hour.matches(time.hour())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(schedule: &str, from: &str, to: &str) -> bool {
        let moment = |text: &str| format!("2026-05-01T{text}Z").parse::<Timestamp>().unwrap();
        Schedule::parse(schedule)
            .unwrap()
            .is_due(moment(from), moment(to))
    }

    #[test]
    fn cron_is_due_once_its_minute_begins() {
        assert!(due("*/15 * * * *", "12:14:59", "12:15:00"));
        assert!(due("*/15 * * * *", "12:14:10", "12:16:10"));
        assert!(!due("*/15 * * * *", "12:15:00", "12:15:59"));
        assert!(!due("*/15 * * * *", "12:15:30", "12:29:59"));
        assert!(due("0 3 * * *", "02:00:00", "04:00:00"));
        assert!(!due("0 3 * * *", "03:00:00", "23:00:00"));
        assert!(due("* * * * *", "12:00:59", "12:01:00"));
        assert!(due("30 */6 * * *", "11:00:00", "12:30:00"));
    }

    #[test]
    fn long_step_finds_passed_time_of_day() {
        let from: Timestamp = "2026-05-01T03:01:00Z".parse().unwrap();
        let to: Timestamp = "2026-07-01T02:59:00Z".parse().unwrap();
        assert!(Schedule::parse("0 3 * * *").unwrap().is_due(from, to));
    }

    #[test]
    fn unsupported_schedules_are_named_in_error() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "0 0 1 * *",
            "0 0 * * 1",
            "60 * * * *",
            "* 24 * * *",
            "*/0 * * * *",
            "1,2 * * * *",
            "1-5 * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "*/ * * * *",
            "@daily",
        ] {
            let error = Schedule::parse(text).unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
