//! The time window of a report, and the page of a list.

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

/// The parameter `page`: 1 to 10000. A list after a position has no pages.
pub(in crate::routes) fn page_field(fields: &mut Fields, has_position: bool) -> Option<u32> {
    const PAGE: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 10000");
    const BOTH: Refusal = Refusal::new("contradictory", "must not be given together with after");
    let page = fields.optional_integer("page", 1, 10_000, PAGE);
    if has_position && page.is_some() {
        fields.refuse("page", BOTH);
    }
    page
}
