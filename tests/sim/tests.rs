//! Tests that seeds repeat their histories, that the invariants hold and that each mutation is
//! found.

use crate::{
    environment::optional,
    mutations::Mutation,
    run::{Outcome, run},
    seeds::Seeds,
    upstreams::Upstreams,
};

/// The invariants must hold for this many seeds, and a mutation must be found within them.
const COUNT: u64 = 300;
const WORKERS: u64 = 2;

fn describe_failure(outcome: &Outcome) -> String {
    let failures = outcome.violations.iter().chain(&outcome.panic);
    let failures: Vec<&str> = failures.map(String::as_str).collect();
    format!(
        "{}seed {}: {}",
        outcome.history,
        outcome.seed,
        failures.join("\n")
    )
}

#[test]
fn same_seed_gives_same_history() {
    let mut upstreams = Upstreams::new(None);
    let mut others = Upstreams::new(None);
    for seed in 1..=6 {
        let first = run(&mut upstreams, seed);
        let again = run(&mut upstreams, seed);
        assert_eq!(first.history, again.history);
        // Earlier seeds on the same upstreams must not matter either.
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
fn invariants_hold_under_faults() {
    let seeds = Seeds {
        first: 1,
        count: COUNT,
        mutation: None,
        stops_at_failure: true,
    };
    let report = seeds.run(WORKERS, |_, _| {});
    if let Some(outcome) = report.failed.first() {
        panic!("{}", describe_failure(outcome));
    }
    assert_eq!(report.done, COUNT);
}

/// The mutation must be found, by a violation with one of these texts.
fn assert_found(mutation: Mutation, texts: &[&str]) {
    let seeds = Seeds {
        first: 1,
        count: COUNT,
        mutation: Some(mutation),
        stops_at_failure: true,
    };
    let report = seeds.run(1, |_, _| {});
    let Some(outcome) = report.failed.first() else {
        panic!("{} seeds did not find the mutation", report.done);
    };
    let is_found = outcome
        .violations
        .iter()
        .any(|violation| texts.iter().any(|text| violation.contains(text)));
    assert!(
        is_found && outcome.panic.is_none(),
        "{}",
        describe_failure(outcome)
    );
}

#[test]
fn shared_claim_is_found() {
    assert_found(Mutation::Lease, &["has the claim until"]);
}

#[test]
fn new_request_id_on_retry_is_found() {
    assert_found(
        Mutation::RequestId,
        &[
            "twice, the second time by",
            "in 2 captures",
            "was done twice at PayPal",
        ],
    );
}

#[test]
fn unchecked_amount_is_found() {
    assert_found(Mutation::AmountCheck, &["PayPal does not reserve"]);
}

#[test]
fn overlapping_bookings_are_found() {
    assert_found(Mutation::ExclusionConstraint, &["have the same car"]);
}

#[test]
fn duplicate_inbox_event_is_found() {
    assert_found(Mutation::InboxDedupe, &["was applied twice"]);
}

#[test]
fn ignored_generation_is_found() {
    assert_found(
        Mutation::GenerationCheck,
        &["is shown as free", "is listed as free"],
    );
}

#[test]
fn missing_invalidation_is_found() {
    assert_found(Mutation::Invalidation, &["no generation announced it"]);
}

#[test]
fn ignored_authorized_order_is_found() {
    assert_found(Mutation::AuthorizedOrder, &["and PayPal authorized"]);
}

#[test]
fn absence_taken_for_void_is_found() {
    assert_found(Mutation::AbsenceIsVoid, &["is shown with 0 held"]);
}

#[test]
fn final_refusal_of_account_is_found() {
    assert_found(
        Mutation::Any4xxFinal,
        &["which is not about its payer or authorization"],
    );
}

#[test]
fn pending_taken_for_yes_is_found() {
    assert_found(
        Mutation::PendingIsYes,
        &["is shown as completed", "PayPal does not reserve"],
    );
}

#[test]
fn failed_refund_kept_is_found() {
    assert_found(Mutation::OneDirection, &["is refused at PayPal"]);
}

#[test]
fn blocked_comparisons_are_found() {
    assert_found(Mutation::OneBlocksAll, &["was not compared since"]);
}

#[test]
fn endless_hold_is_found() {
    assert_found(Mutation::UncappedHold, &["without an approved order"]);
}

/// The entry point of `script/sim`.
#[test]
#[ignore = "script/sim chooses the seeds"]
fn chosen_seeds_hold() {
    let number =
        |name: &str, default: u64| optional(name).map_or(default, |text| text.parse().unwrap());
    let seeds = Seeds {
        first: number("EXODRIVE_SIMULATION_SEED", 1),
        count: number("EXODRIVE_SIMULATION_SEEDS", COUNT),
        mutation: optional("EXODRIVE_SIMULATION_MUTATION")
            .map(|name| Mutation::parse(&name).unwrap()),
        stops_at_failure: optional("EXODRIVE_SIMULATION_MUTATION").is_some(),
    };
    let shows_all = optional("EXODRIVE_SIMULATION_HISTORY").is_some();
    let report = seeds.run(WORKERS, |done, outcome| {
        if shows_all {
            println!("{}", outcome.history);
        }
        if outcome.has_failed() {
            let failures = outcome.violations.iter().chain(&outcome.panic);
            let failures: Vec<&str> = failures.map(String::as_str).collect();
            println!("seed {} failed: {}", outcome.seed, failures.join("; "));
        } else if done % 100 == 0 {
            println!("{done} seeds");
        }
    });
    if let Some(outcome) = report.failed.first() {
        println!("\n{}\n", describe_failure(outcome));
    }
    println!("{} seeds, {} failed", report.done, report.failed.len());
    // Exit before the test harness prints its own summary.
    std::process::exit(i32::from(!report.failed.is_empty()));
}
