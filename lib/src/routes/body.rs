//! JSON bodies.

use super::problems::{Code, Problem};
use crate::web::{fields::Fields, request::Request};

/// The fields of a JSON body.
pub(super) fn json_fields(request: &Request) -> Result<Fields, Problem> {
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(Code::UnsupportedMediaType)
            .detail("Send the body as JSON, with Content-Type: application/json."));
    }
    Fields::from_json(&request.body).map_err(Problem::from)
}

/// The fields of a JSON body that may be missing altogether.
pub(super) fn optional_json_fields(request: &Request) -> Result<Fields, Problem> {
    if request.body.is_empty() {
        Ok(Fields::from_query(""))
    } else {
        json_fields(request)
    }
}
