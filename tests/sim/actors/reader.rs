//! Somebody who looks at a car's days, and at which cars are free, again and again.

use super::caller::{Caller, Question, Reply};
use crate::{
    checks::Scope,
    fleet::{CARS, Car},
    world::World,
};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use std::{sync::Arc, time::Duration};

/// Lives a reader's life.
pub(crate) async fn live(world: Arc<World>, number: u64, car: u64) {
    let caller = Caller::new(&world, format!("198.51.100.{number}"));
    let car = &CARS[usize::try_from(car).unwrap()];
    let today = world.now().to_zoned(TimeZone::UTC).date();
    let day = |ahead: i64| today.checked_add(ahead.days()).unwrap();
    while world.is_lively() {
        match caller.chance(3) {
            0 => read_days(&caller, car, &car.id.to_string(), (day(1), day(15))).await,
            1 => read_days(&caller, car, car.slug, (day(1), day(15))).await,
            _ => read_list(&caller, (day(2), day(4))).await,
        };
        let pause = [1, 5, 20, 120, 1800];
        let seconds = world.state().random.pick(&pause);
        caller.wait(Duration::from_secs(seconds)).await;
    }
}

/// Asks for the days of `car` under one of its names, and compares the answer with what was announced before.
pub(crate) async fn read_days(
    caller: &Caller,
    car: &Car,
    name: &str,
    (start, end): (Date, Date),
) -> Option<Reply> {
    let question = Question::get(format!(
        "/api/cars/availability?carId={name}&startDate={start}&endDate={end}"
    ));
    let reading = caller
        .world
        .state()
        .checks
        .begin_reading(Scope::Car(car.id));
    let reply = caller.ask(&question).await?;
    if is_present(&reply) {
        let mut state = caller.world.state();
        let now = state.clock.now();
        state.checks.end_reading_days(&reading, &reply.body, now);
    }
    Some(reply)
}

/// Asks which cars are free, and compares the answer with what was announced before.
async fn read_list(caller: &Caller, (start, end): (Date, Date)) -> Option<Reply> {
    let question = Question::get(format!(
        "/api/cars?limit=50&availableFrom={start}&availableTo={end}"
    ));
    let reading = caller.world.state().checks.begin_reading(Scope::Fleet);
    let reply = caller.ask(&question).await?;
    if is_present(&reply) {
        let mut state = caller.world.state();
        let now = state.clock.now();
        let days = (start, end);
        state
            .checks
            .end_reading_list(&reading, &reply.body, days, now);
    }
    Some(reply)
}

/// An old answer while the database is away says so.
fn is_present(reply: &Reply) -> bool {
    reply.status == 200 && reply.cache.as_deref() != Some("STALE")
}
