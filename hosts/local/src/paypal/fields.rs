//! Members of a JSON body.

use super::errors::Findings;
use serde_json::Value;

/// An optional text of 1 to `longest` characters.
pub(super) fn read_text(
    parent: &Value,
    name: &str,
    longest: usize,
    field: &str,
    findings: &mut Findings,
) -> Option<String> {
    let value = parent.get(name).filter(|value| !value.is_null())?;
    let field = format!("{field}/{name}");
    let Value::String(text) = value else {
        findings.malformed("INVALID_PARAMETER_SYNTAX", &field, Some(value));
        return None;
    };
    if text.is_empty() || text.chars().count() > longest {
        findings.malformed("INVALID_STRING_LENGTH", &field, Some(value));
        return None;
    }
    Some(text.clone())
}
