//! The words of a command that takes options with values.

use crate::error::Error;
use std::ops::RangeInclusive;

/// Words, read one after the other.
pub(super) struct Options(std::vec::IntoIter<String>);

impl Options {
    pub(super) fn new(words: Vec<String>) -> Self {
        Self(words.into_iter())
    }

    /// The next word.
    pub(super) fn word(&mut self) -> Option<String> {
        self.0.next()
    }

    /// The value of `option`, which is the next word.
    pub(super) fn text(&mut self, option: &str) -> Result<String, Error> {
        self.0
            .next()
            .filter(|value| !value.is_empty() && !value.starts_with("--"))
            .ok_or_else(|| Error::Usage(format!("{option} needs a value")))
    }

    /// The same, a whole number in `range`.
    pub(super) fn number(
        &mut self,
        option: &str,
        range: RangeInclusive<u32>,
    ) -> Result<u32, Error> {
        let number = self.text(option)?.parse().ok();
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = range.into_inner();
                Error::Usage(format!(
                    "{option} must be a whole number from {least} to {most}"
                ))
            })
    }
}
