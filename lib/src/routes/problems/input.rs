//! Problems of a request's body and fields.

use super::{Code, Problem};
use crate::{
    domain::refusal::Refusal,
    web::fields::{BodyError, FieldErrors},
};
use serde_json::json;

impl From<FieldErrors> for Problem {
    fn from(errors: FieldErrors) -> Self {
        Self::new(Code::InvalidFields)
            .detail("Each entry of errors names a field and what is wrong with it.")
            .member("errors", json!(errors.0))
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Self::new(Code::MalformedJson)
                .detail("The body must be one JSON object that names each member once."),
            BodyError::NotAnObject => Self::field(
                Code::InvalidFields,
                "",
                Refusal::new("wrong_type", "the body must be a JSON object"),
            ),
        }
    }
}
