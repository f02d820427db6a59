//! The responses to warm: pages of the list, cars and their next days, under the keys that visitors
//! read.

use super::{
    input::WarmInput,
    run::{Part, Task},
};
use crate::{
    app::App,
    clients::supabase::{CarIdentity, DatabaseError},
    domain::{car::CarRef, dates::DateRange},
    platform::Deadline,
    routes::cars::{availability, list, show},
};
use jiff::{ToSpan, tz::TimeZone};

/// Warmed pages of the list without a filter.
const PAGES: u32 = 3;
/// Cars on a page.
const CARS_A_PAGE: u32 = 12;
/// More than any fleet has.
const ALL_CARS: u32 = 10_000;

/// The tasks, the most important ones first.
pub(super) async fn tasks(
    app: &App,
    deadline: Deadline,
    input: &WarmInput,
) -> Result<Vec<Task>, DatabaseError> {
    let limit = if input.emergency {
        ALL_CARS
    } else {
        input.popular_cars_limit
    };
    let cars = if input.popular_cars || input.upcoming_availability || input.emergency {
        app.database(deadline).popular_cars(limit).await?
    } else {
        Vec::new()
    };
    let page_count = match u32::try_from(cars.len()) {
        Ok(number) if input.emergency => number.div_ceil(CARS_A_PAGE).max(PAGES),
        _ => PAGES,
    };
    let mut tasks: Vec<_> = pages(page_count).collect();
    if input.popular_cars {
        tasks.extend(car_pages(&cars));
    }
    if input.upcoming_availability {
        tasks.extend(availabilities(&cars, app, input.availability_days));
    }
    Ok(tasks)
}

/// The first `count` pages of the list without a filter.
pub(super) fn pages(count: u32) -> impl Iterator<Item = Task> {
    list::first_pages(count).map(|listing| Task {
        part: Part::Page,
        label: format!("page {} of the list", listing.page),
        key: list::cache_key(&listing),
        load: list::load(listing),
    })
}

fn car_pages(cars: &[CarIdentity]) -> impl Iterator<Item = Task> {
    slugs(cars).map(|slug| Task {
        part: Part::Car,
        label: format!("car {slug}"),
        key: show::cache_key(&slug),
        load: show::load(slug),
    })
}

/// The next `days` days of `cars`.
fn availabilities(cars: &[CarIdentity], app: &App, days: u32) -> impl Iterator<Item = Task> {
    let dates = next_days(app, days);
    slugs(cars).filter_map(move |slug| {
        let query = (slug, dates?);
        Some(Task {
            part: Part::Availability,
            label: format!("availability of {}", query.0),
            key: availability::cache_key(&query),
            load: availability::load(query),
        })
    })
}

/// Visitors follow links, which hold the slug.
fn slugs(cars: &[CarIdentity]) -> impl Iterator<Item = CarRef> {
    cars.iter().filter_map(|car| CarRef::parse(&car.slug).ok())
}

/// The days from today in UTC. A page with a calendar uses UTC too, before it knows the car's time
/// zone.
fn next_days(app: &App, days: u32) -> Option<DateRange> {
    let today = app.platform().now().to_zoned(TimeZone::UTC).date();
    let end = today.checked_add(i64::from(days).days()).ok()?;
    DateRange::new(today, end).ok()
}
