//! Bodies that may say why, or nothing at all.

use super::json_fields;
use crate::{
    domain::refusal::plain_text,
    http::{fields::Fields, request::Request},
    problem::Problem,
};

/// The fields of a body that may be missing altogether.
pub(super) fn optional_fields(request: &Request) -> Result<Fields, Problem> {
    if request.body.is_empty() {
        Ok(Fields::from_query(""))
    } else {
        json_fields(request)
    }
}

/// `reason` in `fields`: 1 to 200 characters.
pub(super) fn reason_in(fields: &mut Fields) -> Option<String> {
    fields.optional("reason", |text| plain_text(text, 200))
}

/// The reason in a body that holds nothing else.
pub(super) fn read_reason(request: &Request) -> Result<Option<String>, Problem> {
    let mut fields = optional_fields(request)?;
    let reason = reason_in(&mut fields);
    if fields.is_clean() {
        Ok(reason)
    } else {
        Err(fields.refused().into())
    }
}
