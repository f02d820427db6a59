//! What the simulation shows.

use crate::{
    mutations::Mutation,
    run::{Outcome, run},
    seeds::Seeds,
    surroundings::optional,
    upstreams::Upstreams,
};

/// A mutation is found within so many seeds, and what holds is tested with as many.
const COUNT: u64 = 300;
const WORKERS: u64 = 2;

/// A failed seed, as people read it.
fn told(outcome: &Outcome) -> String {
    format!(
        "{}seed {}: {}",
        outcome.history,
        outcome.seed,
        outcome.violations.join("\n")
    )
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let mut upstreams = Upstreams::new(None);
    let mut others = Upstreams::new(None);
    for seed in 1..=6 {
        let first = run(&mut upstreams, seed);
        let again = run(&mut upstreams, seed);
        assert_eq!(first.history, again.history);
        // What ran before makes no difference either.
        let elsewhere = run(&mut others, 7 - seed);
        let here = run(&mut upstreams, 7 - seed);
        assert_eq!(elsewhere.history, here.history);
    }
    assert_ne!(
        run(&mut upstreams, 1).history,
        run(&mut upstreams, 2).history
    );
}

#[test]
fn whatever_goes_wrong_the_invariants_hold() {
    let seeds = Seeds {
        first: 1,
        count: COUNT,
        mutation: None,
        stops: true,
    };
    let report = seeds.run(WORKERS, |_, _| {});
    if let Some(outcome) = report.failed.first() {
        panic!("{}", told(outcome));
    }
    assert_eq!(report.done, COUNT);
}

fn is_found(mutation: Mutation) {
    let seeds = Seeds {
        first: 1,
        count: COUNT,
        mutation: Some(mutation),
        stops: true,
    };
    let report = seeds.run(1, |_, _| {});
    assert_eq!(
        report.failed.len(),
        1,
        "{} seeds did not find it",
        report.done
    );
}

#[test]
fn it_is_found_when_a_lease_excludes_nobody() {
    is_found(Mutation::Lease);
}

#[test]
fn it_is_found_when_a_repeat_has_a_new_request_id() {
    is_found(Mutation::RequestId);
}

#[test]
fn it_is_found_when_any_amount_confirms_a_booking() {
    is_found(Mutation::AmountCheck);
}

#[test]
fn it_is_found_when_bookings_may_overlap() {
    is_found(Mutation::ExclusionConstraint);
}

#[test]
fn it_is_found_when_the_inbox_takes_an_event_twice() {
    is_found(Mutation::InboxDedupe);
}

#[test]
fn it_is_found_when_an_old_answer_counts_as_a_fresh_one() {
    is_found(Mutation::GenerationCheck);
}

/// What `script/sim` runs.
#[test]
#[ignore = "script/sim says which seeds"]
fn the_seeds_that_are_asked_for() {
    let number =
        |name: &str, usual: u64| optional(name).map_or(usual, |text| text.parse().unwrap());
    let seeds = Seeds {
        first: number("EXODRIVE_SIMULATION_SEED", 1),
        count: number("EXODRIVE_SIMULATION_SEEDS", COUNT),
        mutation: optional("EXODRIVE_SIMULATION_MUTATION")
            .map(|name| Mutation::parse(&name).unwrap()),
        stops: optional("EXODRIVE_SIMULATION_MUTATION").is_some(),
    };
    let shows_all = optional("EXODRIVE_SIMULATION_HISTORY").is_some();
    let report = seeds.run(WORKERS, |done, outcome| {
        if shows_all {
            println!("{}", outcome.history);
        }
        if !outcome.violations.is_empty() {
            println!(
                "seed {} failed: {}",
                outcome.seed,
                outcome.violations.join("; ")
            );
        } else if done % 100 == 0 {
            println!("{done} seeds");
        }
    });
    if let Some(outcome) = report.failed.first() {
        println!("\n{}\n", told(outcome));
    }
    println!("{} seeds, {} failed", report.done, report.failed.len());
    // What the harness would say besides is of no use to whoever runs script/sim.
    std::process::exit(i32::from(!report.failed.is_empty()));
}
