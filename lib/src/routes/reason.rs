//! The reason of a cancellation or a refund.

use super::{body::optional_json_fields, problems::Problem};
use crate::{
    domain::refusal::parse_text,
    web::{fields::Fields, request::Request},
};

/// The field `reason`, 1 to 200 characters.
pub(super) fn reason_field(fields: &mut Fields) -> Option<String> {
    fields.optional("reason", |text| parse_text(text, 200))
}

/// The reason in a body that has no other field.
pub(super) fn read_reason(request: &Request) -> Result<Option<String>, Problem> {
    let mut fields = optional_json_fields(request)?;
    let reason = reason_field(&mut fields);
    Ok(fields.finish(reason)?)
}
