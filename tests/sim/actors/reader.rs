//! A reader, who repeatedly reads a car's days and the list of free cars.

use super::client::{ApiRequest, ApiResponse, Client};
use crate::{
    checks::Scope,
    fleet::{CARS, Car},
    world::World,
};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use std::{sync::Arc, time::Duration};

pub(crate) async fn run(world: Arc<World>, number: u64, car: u64) {
    let client = Client::new(&world, format!("198.51.100.{number}"));
    let car = &CARS[usize::try_from(car).unwrap()];
    let today = world.now().to_zoned(TimeZone::UTC).date();
    let day = |ahead: i64| today.checked_add(ahead.days()).unwrap();
    while world.is_active() {
        match client.random_below(3) {
            0 => read_days(&client, car, &car.id.to_string(), (day(1), day(15))).await,
            1 => read_days(&client, car, car.slug, (day(1), day(15))).await,
            _ => read_list(&client, (day(2), day(4))).await,
        };
        let pauses = [1, 5, 20, 120, 1800];
        let seconds = world.state().random.pick(&pauses);
        client.wait(Duration::from_secs(seconds)).await;
    }
}

/// Reads the days of `car` under one of its names. Earlier announcements must show in the response.
pub(crate) async fn read_days(
    client: &Client,
    car: &Car,
    name: &str,
    (start, end): (Date, Date),
) -> Option<ApiResponse> {
    let request = ApiRequest::get(format!(
        "/api/cars/availability?carId={name}&startDate={start}&endDate={end}"
    ));
    let snapshot = client.world.state().checks.snapshot(Scope::Car(car.id));
    let response = client.send(&request).await?;
    if is_current(&response) {
        let mut state = client.world.state();
        let now = state.clock.now();
        state.checks.check_days(&snapshot, &response.body, now);
    }
    Some(response)
}

/// Reads the list of free cars. Earlier announcements must show in the response.
async fn read_list(client: &Client, (start, end): (Date, Date)) -> Option<ApiResponse> {
    let request = ApiRequest::get(format!(
        "/api/cars?limit=50&availableFrom={start}&availableTo={end}"
    ));
    let snapshot = client.world.state().checks.snapshot(Scope::Fleet);
    let response = client.send(&request).await?;
    if is_current(&response) {
        let mut state = client.world.state();
        let now = state.clock.now();
        let days = (start, end);
        state
            .checks
            .check_list(&snapshot, &response.body, days, now);
    }
    Some(response)
}

/// During a database outage a response may be stale. It is marked as stale.
fn is_current(response: &ApiResponse) -> bool {
    response.status == 200 && response.cache.as_deref() != Some("STALE")
}
