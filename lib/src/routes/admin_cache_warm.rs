//! `GET, POST /api/admin/cache-warm`: loads what visitors will ask for first, under exactly the keys they will read.

use super::{access::require_admin, car, cars, cars_availability, json_fields};
use crate::{
    app::App,
    domain::{car::CarRef, dates::DateRange, rate_limit::Tier, refusal::Refusal},
    flows::{
        admission::{Wanted, admit},
        cache::{WarmError, warm as warm_slot},
    },
    http::{fields::Fields, reply::Reply, request::Request},
    problem::Problem,
};
use http::{Method, StatusCode};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use serde_json::json;

/// Pages of the unfiltered list that are warmed.
const PAGES: u32 = 3;
/// After so many failures the rest would fail too.
const MOST_ERRORS: usize = 10;

/// What is to be warmed.
#[derive(Debug)]
struct Asked {
    popular_cars: bool,
    upcoming_availability: bool,
    popular_cars_limit: u32,
    availability_days: u32,
}

#[derive(Default)]
struct Progress {
    keys_warmed: u32,
    errors: Vec<String>,
}

impl Progress {
    fn note(&mut self, what: &str, result: Result<bool, WarmError>) {
        match result {
            Ok(warmed) => self.keys_warmed += u32::from(warmed),
            Err(error) => {
                log::warn!("cache-warm: {what}: {error}");
                self.errors.push(format!("{what} could not be warmed"));
            }
        }
    }

    fn gives_up(&self) -> bool {
        self.errors.len() >= MOST_ERRORS
    }
}

pub(super) async fn warm(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin, Wanted::default()).await?;
    require_admin(app, request).await?;
    let asked = read(request)?;

    let started = app.platform().now();
    let mut progress = Progress::default();
    if app.redis().is_some() {
        warm_pages(app, request, &mut progress).await;
        if asked.popular_cars || asked.upcoming_availability {
            warm_cars(app, request, &asked, &mut progress).await?;
        }
    }
    let ended = app.platform().now();
    let status = match (app.redis(), progress.errors.is_empty()) {
        (None, _) => "skipped",
        (Some(_), true) => "completed",
        (Some(_), false) => "partial",
    };
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "success": progress.errors.is_empty(),
            "metrics": {
                "startTime": started,
                "endTime": ended,
                "duration": ended.duration_since(started).as_millis().max(0),
                "keysWarmed": progress.keys_warmed,
                "status": status,
                "errors": progress.errors,
            },
        }),
    ))
}

async fn warm_pages(app: &App, request: &Request, progress: &mut Progress) {
    for listing in cars::first_pages(PAGES) {
        let (page, slot) = (listing.page, cars::slot(&listing));
        let result = warm_slot(app, request.deadline, &slot, cars::load(listing)).await;
        progress.note(&format!("page {page} of the list"), result);
    }
}

async fn warm_cars(
    app: &App,
    request: &Request,
    asked: &Asked,
    progress: &mut Progress,
) -> Result<(), Problem> {
    let database = app.database(request.deadline);
    let window = window(app, asked.availability_days);
    for popular in database.popular_cars(asked.popular_cars_limit).await? {
        // Visitors follow links, which carry the slug.
        let Ok(name) = CarRef::parse(&popular.slug) else {
            continue;
        };
        if asked.popular_cars {
            let load = car::load(name.clone());
            let result = warm_slot(app, request.deadline, &car::slot(&name), load).await;
            progress.note(&format!("car {name}"), result);
        }
        if let Some(dates) = window.filter(|_| asked.upcoming_availability) {
            let slot = cars_availability::slot(&name, dates);
            let load = cars_availability::load(name.clone(), dates);
            let result = warm_slot(app, request.deadline, &slot, load).await;
            progress.note(&format!("availability of {name}"), result);
        }
        if progress.gives_up() {
            break;
        }
    }
    Ok(())
}

/// The days from today (UTC, as a page that shows a calendar asks before it knows the car's time zone).
fn window(app: &App, days: u32) -> Option<DateRange> {
    let today: Date = app.platform().now().to_zoned(TimeZone::UTC).date();
    let end = today.checked_add(i64::from(days).days()).ok()?;
    DateRange::new(today, end).ok()
}

fn read(request: &Request) -> Result<Asked, Problem> {
    const CARS: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 50");
    const DAYS: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 30");
    let mut fields = if request.method == Method::GET {
        Fields::from_query(&request.query)
    } else if request.body.is_empty() {
        Fields::from_query("")
    } else {
        json_fields(request)?
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
    };
    if fields.is_clean() {
        Ok(asked)
    } else {
        Err(fields.refused().into())
    }
}
