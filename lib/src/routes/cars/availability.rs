//! `GET /api/cars/availability`: a car's days, and what renting it over them costs.

use crate::{
    app::App,
    domain::{
        car::CarRef,
        dates::{DateRange, parse_date},
    },
    flows::cache::read::LoadFn,
    instance::cache_key::{CacheKey, CacheKind, Subject},
    routes::{
        cached::cached,
        problems::{Code, Problem},
    },
    web::{
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
};

const FRESH_SECONDS: u64 = 30;

pub(in crate::routes) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    cached(app, request, read(&request.query), cache_key, load)
        .await?
        .ok_or_else(|| Problem::new(Code::CarNotFound))
}

/// What gives the days.
pub(in crate::routes) fn load((car, dates): (CarRef, DateRange)) -> LoadFn {
    Box::new(move |app, deadline| {
        Box::pin(async move { app.database(deadline).get_availability(&car, dates).await })
    })
}

/// Where the days of `car` over `dates` are kept.
pub(in crate::routes) fn cache_key((car, dates): &(CarRef, DateRange)) -> CacheKey {
    let canonical = format!("{car} {} {}", dates.start(), dates.end());
    CacheKey::new(
        CacheKind::Availability,
        &canonical,
        Subject::Days(car.clone()),
        FRESH_SECONDS,
    )
}

fn read(query: &str) -> Result<(CarRef, DateRange), FieldErrors> {
    let mut fields = Fields::from_query(query);
    let car = fields.required("carId", CarRef::parse);
    let start = fields.required("startDate", parse_date);
    let end = fields.required("endDate", parse_date);
    if let (Some(start), Some(end)) = (start, end) {
        match (DateRange::new(start, end), car) {
            (Ok(dates), Some(car)) if fields.is_clean() => return Ok((car, dates)),
            (Ok(_), _) => {}
            (Err(refusal), _) => fields.refuse("endDate", refusal),
        }
    }
    Err(fields.refused())
}
