//! `GET, POST /api/admin/cache-warm`: loads what visitors will ask for first.

use super::warming::{self, Progress};
use crate::{
    app::App,
    domain::{rate_limit::Tier, refusal::Refusal},
    flows::traffic::admission::admit,
    routes::{access::require_admin, body::optional_json_fields, problems::Problem},
    web::{fields::Fields, reply::Reply, request::Request},
};
use http::{Method, StatusCode};
use serde_json::json;

/// Pages of the unfiltered list that are warmed.
const PAGES: u32 = 3;
/// Cars on one of them.
const CARS_A_PAGE: u32 = 12;
/// More than any fleet has.
const ALL_CARS: u32 = 10_000;

/// What is to be warmed.
#[derive(Debug)]
struct Asked {
    popular_cars: bool,
    upcoming_availability: bool,
    popular_cars_limit: u32,
    availability_days: u32,
    /// All cars and all pages, as when the cache was lost.
    emergency: bool,
}

pub(in crate::routes) async fn warm(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let asked = read(request)?;

    let started = app.platform().now();
    let progress = match app.redis() {
        Some(_) => work(app, request, &asked).await?,
        None => Progress::default(),
    };
    let ended = app.platform().now();
    let is_complete = progress.errors.is_empty() && progress.left == 0;
    let status = match (app.redis(), is_complete) {
        (None, _) => "skipped",
        (Some(_), true) => "completed",
        (Some(_), false) => "partial",
    };
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "success": is_complete,
            "metrics": {
                "startTime": started,
                "endTime": ended,
                "duration": ended.duration_since(started).as_millis().max(0),
                "keysWarmed": progress.warmed.total(),
                "warmed": progress.warmed,
                "left": progress.left,
                "status": status,
                "errors": progress.errors,
            },
        }),
    ))
}

async fn work(app: &App, request: &Request, asked: &Asked) -> Result<Progress, Problem> {
    let limit = if asked.emergency {
        ALL_CARS
    } else {
        asked.popular_cars_limit
    };
    let cars = if asked.popular_cars || asked.upcoming_availability || asked.emergency {
        app.database(request.deadline).popular_cars(limit).await?
    } else {
        Vec::new()
    };
    let pages = match u32::try_from(cars.len()) {
        Ok(number) if asked.emergency => number.div_ceil(CARS_A_PAGE).max(PAGES),
        _ => PAGES,
    };
    let mut tasks: Vec<_> = warming::pages(pages).collect();
    if asked.popular_cars {
        tasks.extend(warming::details(&cars));
    }
    if asked.upcoming_availability {
        tasks.extend(warming::days(&cars, app, asked.availability_days));
    }
    Ok(warming::run(app, request.deadline, tasks).await)
}

fn read(request: &Request) -> Result<Asked, Problem> {
    const CARS: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 50");
    const DAYS: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 30");
    let mut fields = if request.method == Method::GET {
        Fields::from_query(&request.query)
    } else {
        optional_json_fields(request)?
    };
    let asked = Asked {
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
    if fields.is_clean() {
        Ok(asked)
    } else {
        Err(fields.refused().into())
    }
}
