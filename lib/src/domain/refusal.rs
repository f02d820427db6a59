//! Why a text could not become a value.

/// The refusal of one field: a code to act on and a sentence to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable, machine-readable.
    pub code: &'static str,
    /// For the person who wrote the client.
    pub detail: &'static str,
}

impl Refusal {
    /// A refusal with `code` and `detail`.
    #[must_use]
    pub const fn new(code: &'static str, detail: &'static str) -> Self {
        Self { code, detail }
    }
}

/// Accepts `text` of 1 to `most` characters without control characters, trimmed of surrounding white space.
///
/// Control characters are refused because PostgreSQL cannot store NUL and nobody means the others in a name.
pub fn plain_text(text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::new("empty", "must not be empty"));
    }
    if text.chars().count() > most {
        return Err(Refusal::new("too_long", "has too many characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::new(
            "invalid_characters",
            "must not contain control characters",
        ));
    }
    Ok(text.to_owned())
}

/// Accepts `text` of 1 to `most` characters, each of which `allowed` accepts.
pub fn token(text: &str, most: usize, allowed: fn(char) -> bool) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("empty", "must not be empty"));
    }
    if text.chars().count() > most {
        return Err(Refusal::new("too_long", "has too many characters"));
    }
    if !text.chars().all(allowed) {
        return Err(Refusal::new(
            "invalid_characters",
            "contains characters that are not allowed",
        ));
    }
    Ok(text.to_owned())
}
