//! Somebody who looks at a car's days again and again.

use super::caller::{Caller, Question, Reply};
use crate::{
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
    let days = (
        today.checked_add(1.day()).unwrap(),
        today.checked_add(15.days()).unwrap(),
    );
    while !world.is_ending() {
        let name = match caller.chance(2) {
            0 => car.id.to_string(),
            _ => car.slug.to_owned(),
        };
        read_days(&caller, car, &name, days).await;
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
    let reading = caller.world.state().checks.begin_reading(car.id);
    let reply = caller.ask(&question).await?;
    // An old answer while the database is away says so.
    if reply.status == 200 && reply.cache.as_deref() != Some("STALE") {
        let mut state = caller.world.state();
        let now = state.clock.now();
        state.checks.end_reading(&reading, &reply.body, now);
    }
    Some(reply)
}
