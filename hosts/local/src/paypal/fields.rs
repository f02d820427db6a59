//! Text fields of a JSON body.

use super::errors::Findings;
use serde_json::Value;

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
