//! How a car is named.

use crate::domain::refusal::{Refusal, token};
use serde::Serialize;
use std::fmt;
use uuid::Uuid;

/// A car's name in a request: its UUID, or its slug of 1 to 64 lower-case letters, digits and hyphens (`"123"` is a slug).
///
/// Kept in one canonical writing, so that two spellings of a UUID are one cache key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CarRef(String);

impl CarRef {
    /// Reads a UUID in any of its writings, or a slug.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self(id.hyphenated().to_string()));
        }
        token(text, 64, |c| {
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

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
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
    fn a_uuid_has_one_writing() {
        let one = CarRef::parse("0192F0C1-2222-7333-8444-555566667777").unwrap();
        let other = CarRef::parse("0192f0c1222273338444555566667777").unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn a_number_is_a_slug_and_anything_odd_is_none() {
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
