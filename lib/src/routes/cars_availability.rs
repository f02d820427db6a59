//! `GET /api/cars/availability`: a car's days, and what renting it over them costs.

use crate::{
    app::App,
    domain::{
        car::CarRef,
        dates::{DateRange, parse_date},
        rate_limit::Tier,
    },
    flows::{
        admission::{Wanted, admit},
        cache::{Slot, Subject, read_through},
    },
    http::{
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
    problem::{Code, Problem},
};
use http::StatusCode;

const FRESH_SECONDS: u64 = 30;

pub(super) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    let asked = read(&request.query);
    let slot = asked.as_ref().ok().map(|(car, dates)| slot(car, *dates));
    let wanted = Wanted {
        keys: slot.iter().flat_map(Slot::keys).collect(),
        lock: None,
    };
    let admitted = admit(app, request, Tier::Public, wanted).await?;
    let (car, dates) = asked?;

    let database = app.database(request.deadline);
    let load = database.get_availability(&car, dates);
    let body = match slot {
        Some(slot) => read_through(app, request, admitted, slot, load).await?,
        None => load.await?,
    };
    body.map(|body| Reply::bytes(StatusCode::OK, body))
        .ok_or_else(|| Problem::new(Code::CarNotFound))
}

/// Where the days of `car` over `dates` are kept.
pub(super) fn slot(car: &CarRef, dates: DateRange) -> Slot {
    let canonical = format!("{car} {} {}", dates.start(), dates.end());
    Slot::new(
        "availability",
        &canonical,
        Subject::Car(car.clone()),
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
