//! The options of `GET, POST /api/admin/cache-warm`, in the query or the body.

use crate::{
    domain::refusal::Refusal,
    routes::{body::optional_json_fields, problems::Problem},
    web::{fields::Fields, request::Request},
};
use http::Method;

/// The parts of the cache to warm.
#[derive(Debug)]
pub(super) struct WarmInput {
    pub(super) popular_cars: bool,
    pub(super) upcoming_availability: bool,
    pub(super) popular_cars_limit: u32,
    pub(super) availability_days: u32,
    /// All cars and all pages, for a lost cache.
    pub(super) emergency: bool,
}

impl WarmInput {
    pub(super) fn read(request: &Request) -> Result<Self, Problem> {
        const CARS: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 50");
        const DAYS: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 30");
        let mut fields = if request.method == Method::GET {
            Fields::from_query(&request.query)
        } else {
            optional_json_fields(request)?
        };
        let input = Self {
            popular_cars: fields.optional_flag("warmPopularCars").unwrap_or(true),
            upcoming_availability: fields
                .optional_flag("warmUpcomingAvailability")
                .unwrap_or(true),
            popular_cars_limit: fields
                .optional_integer("popularCarsLimit", 1, 50, CARS)
                .unwrap_or(20),
            availability_days: fields
                .optional_integer("availabilityDays", 1, 30, DAYS)
                .unwrap_or(14),
            emergency: fields.optional_flag("emergency").unwrap_or(false),
        };
        Ok(fields.finish(input)?)
    }
}
