//! References to cars.

use crate::domain::refusal::{Refusal, parse_token};
use serde::Serialize;
use std::fmt;
use uuid::Uuid;

/// A request's reference to a car: its UUID, or its slug of 1 to 64 lower-case letters, digits and
/// hyphens. `"123"` is a slug.
///
/// The text is canonical, so two spellings of a UUID make one cache key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct CarRef(String);

impl CarRef {
    /// Parses a UUID in any spelling, or a slug.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self(id.hyphenated().to_string()));
        }
        parse_token(text, 64, |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
        })
        .map(Self)
        .map_err(|refusal| match refusal.code {
            "invalid_characters" => Refusal::new(
                "invalid_car",
                "must be a car's UUID or its slug of lower-case letters, digits and hyphens",
            ),
            _ => refusal,
        })
    }

    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CarRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_spellings_are_equal() {
        let one = CarRef::parse("0192F0C1-2222-7333-8444-555566667777").unwrap();
        let other = CarRef::parse("0192f0c1222273338444555566667777").unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn number_is_a_slug() {
        assert_eq!(CarRef::parse("123").unwrap().as_str(), "123");
        for text in ["A", "a b", "a/b", "../etc", "a'--", "ä", "a\0"] {
            assert_eq!(
                CarRef::parse(text).unwrap_err().code,
                "invalid_car",
                "{text:?}"
            );
        }
        assert_eq!(CarRef::parse("").unwrap_err().code, "empty");
        assert_eq!(CarRef::parse(&"a".repeat(65)).unwrap_err().code, "too_long");
    }
}
