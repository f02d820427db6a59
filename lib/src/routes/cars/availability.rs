//! `GET /api/cars/availability`: the days of a car, and the price of a rental over them.

use crate::{
    app::App,
    domain::{car::CarRef, dates::DateRange},
    flows::cache::read::LoadFn,
    instance::cache_key::{CacheKey, CacheKind, Subject},
    routes::{
        cached::cached,
        problems::{Code, Problem},
        rental_dates::read_rental_dates,
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

/// Loads the days.
pub(in crate::routes) fn load((car, dates): (CarRef, DateRange)) -> LoadFn {
    Box::new(move |app, deadline| {
        Box::pin(async move { app.database(deadline).get_availability(&car, dates).await })
    })
}

/// The key of the days of `car` over `dates`.
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
    let dates = read_rental_dates(&mut fields);
    fields.finish_required(car.zip(dates))
}
