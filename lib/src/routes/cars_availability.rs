//! `GET /api/cars/availability`: a car's days, and what renting it over them costs.

use super::cached::cached;
use crate::{
    app::App,
    domain::{
        car::CarRef,
        dates::{DateRange, parse_date},
    },
    flows::cache::{Kind, Load, Slot, Subject},
    http::{
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
    problem::{Code, Problem},
};

const FRESH_SECONDS: u64 = 30;

pub(super) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    cached(app, request, read(&request.query), slot, load)
        .await?
        .ok_or_else(|| Problem::new(Code::CarNotFound))
}

/// What gives the days.
pub(super) fn load((car, dates): (CarRef, DateRange)) -> Load {
    Box::new(move |app, deadline| {
        Box::pin(async move { app.database(deadline).get_availability(&car, dates).await })
    })
}

/// Where the days of `car` over `dates` are kept.
pub(super) fn slot((car, dates): &(CarRef, DateRange)) -> Slot {
    let canonical = format!("{car} {} {}", dates.start(), dates.end());
    Slot::new(
        Kind::Availability,
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
