//! Refusals of texts that cannot become values.

/// The refusal of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// A sentence for the client's developer.
    pub(crate) detail: &'static str,
}

impl Refusal {
    #[must_use]
    pub(crate) const fn new(code: &'static str, detail: &'static str) -> Self {
        Self { code, detail }
    }
}

/// Trims `text` and accepts 1 to `max` characters without control characters.
///
/// PostgreSQL cannot store NUL, and other control characters in a name are mistakes.
pub(crate) fn parse_text(text: &str, max: usize) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::new("empty", "must not be empty"));
    }
    if text.chars().count() > max {
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

/// Accepts `text` of 1 to `max` characters if `is_allowed` accepts each of them.
pub(crate) fn parse_token(
    text: &str,
    max: usize,
    is_allowed: fn(char) -> bool,
) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("empty", "must not be empty"));
    }
    if text.chars().count() > max {
        return Err(Refusal::new("too_long", "has too many characters"));
    }
    if !text.chars().all(is_allowed) {
        return Err(Refusal::new(
            "invalid_characters",
            "contains characters that are not allowed",
        ));
    }
    Ok(text.to_owned())
}
