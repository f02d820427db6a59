//! Those who use the product. Each is a task that reads like what a person or a machine would do.
//!
//! A new one is a file here, and a line in [`start`] or [`run_crons`].

mod caller;
mod cron;
mod customer;
mod dashboard;
mod operator;
mod paypal;
mod plan;
mod reader;

use crate::{random::Random, world::World};
use exodrive_local::paypal::Simulator;
use plan::Plan;
use std::sync::Arc;

/// What a seed is about.
#[derive(Clone, Copy, Debug)]
struct Mood {
    /// Everybody wants the same car on about the same days.
    is_crowded: bool,
    /// How many minutes usually lie between two runs of a cron; long, and a run of the simulation takes weeks.
    pace: u64,
}

/// Starts everybody whom the seed wants.
pub(crate) fn start(world: &Arc<World>, simulator: &Simulator) {
    let mut random = {
        let mut state = world.state();
        Random::new(state.random.below(u64::MAX), "actors")
    };
    let mood = Mood {
        is_crowded: random.chance(400),
        pace: random.pick(&[15, 15, 240, 1200]),
    };
    world.state().note(&format!("{mood:?}"));
    let (today, favourite) = (world.now(), random.below(3));
    for number in 1..=random.between(3, 6) {
        let car = if mood.is_crowded {
            favourite
        } else {
            random.below(3)
        };
        let plan = Plan::choose(&mut random, today, car, mood);
        let name = format!("customer-{number}");
        let work = customer::live(Arc::clone(world), number, plan);
        world.start(name, None, Box::pin(work));
    }
    for number in 1..=random.weighted(&[(60, 0), (30, 1), (10, 2)]) {
        let name = format!("reader-{number}");
        let work = reader::live(Arc::clone(world), number, favourite);
        world.start(name, None, Box::pin(work));
    }
    for number in 1..=random.weighted(&[(40, 0), (50, 1), (10, 2)]) {
        let name = format!("operator-{number}");
        let work = operator::live(Arc::clone(world), number, 3 * mood.pace);
        world.start(name, None, Box::pin(work));
    }
    if random.chance(250) {
        let work = dashboard::live(Arc::clone(world), mood.pace);
        world.start("dashboard".to_owned(), None, Box::pin(work));
    }
    let work = paypal::live(Arc::clone(world), simulator.clone(), mood.pace);
    world.start("paypal".to_owned(), None, Box::pin(work));
    for number in 1..=2 {
        let name = format!("cron-{number}");
        let work = cron::live(Arc::clone(world), number, mood.pace);
        world.start(name, None, Box::pin(work));
    }
}

/// Lets an operator or somebody at PayPal's dashboard do something, perhaps, and PayPal tell of some of it.
pub(crate) fn interfere(world: &Arc<World>, simulator: &Simulator, leap: u64) {
    let [operator, dashboard, most] = {
        let random = &mut world.state().random;
        [random.below(100), random.below(100), random.below(4)]
    };
    if operator < 50 {
        let key = format!("leap-{leap}");
        let work = operator::act_once(Arc::clone(world), 9, key);
        world.start("operator".to_owned(), None, Box::pin(work));
    }
    if dashboard < 5 {
        let work = dashboard::act_once(Arc::clone(world));
        world.start("dashboard".to_owned(), None, Box::pin(work));
    }
    paypal::tell(world, simulator, usize::try_from(most).unwrap());
}

/// Lets PayPal tell everything that it still has to tell.
pub(crate) fn tell_all(world: &Arc<World>, simulator: &Simulator) {
    paypal::tell(world, simulator, usize::MAX);
}

/// The routes that crons call.
pub(crate) fn crons() -> Vec<String> {
    cron::PATHS.clone()
}

/// Lets a cron call its route once.
pub(crate) fn run_cron(world: &Arc<World>, path: String) {
    let work = cron::run_once(Arc::clone(world), path);
    world.start("cron".to_owned(), None, Box::pin(work));
}
