//! The time window of a report.

use crate::{
    domain::refusal::Refusal,
    routes::problems::Problem,
    web::{fields::Fields, request::Request},
};

/// The parameter `minutes`: 1 to 1440, by default 60. `more` reads further parameters.
pub(in crate::routes) fn read_minutes<T>(
    request: &Request,
    more: impl FnOnce(&mut Fields) -> T,
) -> Result<(u32, T), Problem> {
    const MINUTES: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 1440");
    let mut fields = Fields::from_query(&request.query);
    let minutes = fields
        .optional_integer("minutes", 1, 1_440, MINUTES)
        .unwrap_or(60);
    let more = more(&mut fields);
    Ok(fields.finish((minutes, more))?)
}
