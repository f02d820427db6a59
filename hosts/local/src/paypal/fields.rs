//! Text fields of a JSON body.

use super::errors::Findings;
use serde_json::Value;

/// The JSON pointer to a whole body (RFC 6901).
const BODY: &str = "";

/// [`read_text`] for a member of the body itself.
pub(super) fn read_body_text(
    body: &Value,
    name: &str,
    max_length: usize,
    findings: &mut Findings,
) -> Option<String> {
    read_text(body, name, max_length, BODY, findings)
}

/// Reads an optional text of 1 to `max_length` characters. `field` is the pointer to `parent`.
pub(super) fn read_text(
    parent: &Value,
    name: &str,
    max_length: usize,
    field: &str,
    findings: &mut Findings,
) -> Option<String> {
    let value = parent.get(name).filter(|value| !value.is_null())?;
    let field = format!("{field}/{name}");
    let Value::String(text) = value else {
        findings.add_syntax("INVALID_PARAMETER_SYNTAX", &field, Some(value));
        return None;
    };
    if text.is_empty() || text.chars().count() > max_length {
        findings.add_syntax("INVALID_STRING_LENGTH", &field, Some(value));
        return None;
    }
    Some(text.clone())
}
