//! Actors use the product. Each is a task that acts as a person or a machine would.
//!
//! To add an actor, write a file here and start it in [`start`] or [`interfere`].

mod client;
mod console;
mod cron;
mod customer;
mod leaver;
mod operator;
mod paypal;
mod plan;
mod reader;
mod squatter;
mod visitor;

use crate::{random::Random, unkindness::Unkind, world::World};
use exodrive_local::paypal::Simulator;
use plan::Plan;
use std::sync::Arc;
use uuid::Uuid;

/// The conditions that all actors of a seed share.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    /// All customers want the same car on about the same days.
    is_crowded: bool,
    /// The usual time between two runs of a cron. A long time stretches the run over weeks.
    cron_minutes: u64,
}

/// Returns what PayPal does in this seed.
pub(crate) fn start(world: &Arc<World>, simulator: &Simulator) -> Unkind {
    let mut random = {
        let mut state = world.state();
        Random::new(state.random.below(u64::MAX), "actors")
    };
    let scenario = Scenario {
        is_crowded: random.chance(400),
        cron_minutes: random.pick(&[15, 15, 240, 1200]),
    };
    world.state().note(&format!("{scenario:?}"));
    let (today, favorite) = (world.now(), random.below(3));
    for number in 1..=random.between(3, 6) {
        let car = if scenario.is_crowded {
            favorite
        } else {
            random.below(3)
        };
        let plan = Plan::choose(&mut random, today, car, scenario);
        let name = format!("customer-{number}");
        let work = customer::run(Arc::clone(world), number, plan);
        world.start(name, None, Box::pin(work));
    }
    for number in 1..=random.weighted(&[(60, 0), (30, 1), (10, 2)]) {
        let name = format!("reader-{number}");
        let work = reader::run(Arc::clone(world), number, favorite);
        world.start(name, None, Box::pin(work));
    }
    for number in 1..=random.weighted(&[(40, 0), (50, 1), (10, 2)]) {
        let name = format!("operator-{number}");
        let work = operator::run(Arc::clone(world), number, 3 * scenario.cron_minutes);
        world.start(name, None, Box::pin(work));
    }
    if random.chance(250) {
        let work = console::run(Arc::clone(world), simulator.clone(), scenario.cron_minutes);
        world.start("console".to_owned(), None, Box::pin(work));
    }
    if random.chance(120) {
        let plan = Plan::choose(&mut random, today, favorite, scenario);
        let work = squatter::run(Arc::clone(world), 1, plan);
        world.start("squatter".to_owned(), None, Box::pin(work));
    }
    if random.chance(80) {
        for number in 1..=5 {
            let car = random.below(3);
            let plan = Plan::choose(&mut random, today, car, scenario);
            let work = visitor::run(Arc::clone(world), simulator.clone(), number, plan);
            world.start(format!("visitor-{number}"), None, Box::pin(work));
        }
    }
    let work = paypal::run(Arc::clone(world), simulator.clone(), scenario.cron_minutes);
    world.start("paypal".to_owned(), None, Box::pin(work));
    for number in 1..=2 {
        let name = format!("cron-{number}");
        let work = cron::run(Arc::clone(world), number, scenario.cron_minutes);
        world.start(name, None, Box::pin(work));
    }
    let unkind = Unkind::choose(&mut random, scenario.cron_minutes);
    unkind.start(world, simulator);
    unkind
}

/// May start an operator's action, acts in PayPal's console, and sends some of PayPal's due events.
pub(crate) fn interfere(world: &Arc<World>, simulator: &Simulator, leap: u64) {
    let [operator, console, max_events] = {
        let random = &mut world.state().random;
        [random.below(100), random.below(100), random.below(4)]
    };
    if operator < 50 {
        let key = format!("leap-{leap}");
        let work = operator::act_once(Arc::clone(world), 9, key);
        world.start("operator".to_owned(), None, Box::pin(work));
    }
    if console < 12 {
        console::act_once(world, simulator);
    }
    paypal::send_events(world, simulator, usize::try_from(max_events).unwrap());
}

pub(crate) use console::decide_all;

/// Sends all of PayPal's due events.
pub(crate) fn send_all_events(world: &Arc<World>, simulator: &Simulator) {
    paypal::send_events(world, simulator, usize::MAX);
}

/// Starts a task for each booking, which takes the way out of its state.
pub(crate) fn take_ways_out(world: &Arc<World>) {
    for booking in bookings(world) {
        let work = leaver::run(Arc::clone(world), booking);
        world.start("leaver".to_owned(), None, Box::pin(work));
    }
}

/// Starts a task for each open finding, which acknowledges it.
pub(crate) fn acknowledge_findings(world: &Arc<World>) {
    let findings = world.state().checks.books.findings.clone();
    for finding in findings {
        let work = leaver::acknowledge(Arc::clone(world), finding.payment_id, finding.kind);
        world.start("operator".to_owned(), None, Box::pin(work));
    }
}

/// Starts a task for each booking, which compares its page with PayPal's books.
pub(crate) fn check_pages(world: &Arc<World>) {
    for booking in bookings(world) {
        let work = leaver::check_page(Arc::clone(world), booking);
        world.start("reader".to_owned(), None, Box::pin(work));
    }
}

fn bookings(world: &World) -> Vec<Uuid> {
    world
        .state()
        .checks
        .books
        .bookings
        .keys()
        .copied()
        .collect()
}

/// The routes that crons call.
pub(crate) fn cron_paths() -> Vec<String> {
    cron::PATHS.clone()
}

/// Starts one cron call of a route.
pub(crate) fn run_cron(world: &Arc<World>, path: String) {
    let work = cron::call_once(Arc::clone(world), path);
    world.start("cron".to_owned(), None, Box::pin(work));
}
