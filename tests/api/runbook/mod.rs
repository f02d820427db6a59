//! `docs/RUNBOOK.md`, run as it stands: every command that calls the service, and the answer that is written below it.

mod document;
mod expected_answer;
mod shell;

use crate::support::{
    client::{Client, Response, random_address},
    environment::{base_url, local_url},
    isolation::{run_alone, share_system},
    local_system::{advance_clock, in_days},
};
use document::{Step, calls, names, set_up, steps};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use shell::{Other, Variables};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::sleep;

/// What operators rely on, by method and path.
const RELIED_ON: [(&str, &str); 15] = [
    ("GET", "/api/demo/redis"),
    ("GET", "/api/health"),
    ("GET", "/api/cars"),
    ("HEAD", "/api/cars"),
    ("GET", "/api/cars/availability"),
    ("POST", "/api/bookings"),
    ("POST", "/api/bookings/create-paypal-order"),
    ("GET", "/api/admin/process-payment-captures"),
    ("GET", "/api/admin/metrics"),
    ("GET", "/api/admin/metrics/errors"),
    ("GET", "/api/admin/metrics/cache"),
    ("GET", "/api/admin/metrics/cache/analysis"),
    ("POST", "/api/admin/cache-warm"),
    ("POST", "/api/admin/cache/clear"),
    ("GET", "/api/admin/rate-limit-monitoring"),
];

/// Longer than any hold of an earlier run.
const HOLDS_HAVE_LAPSED: SignedDuration = SignedDuration::from_mins(61);
/// Instances tell what they counted after an answer, at most this often.
const TOLD_EVERY: SignedDuration = SignedDuration::from_secs(6);
/// How often a command is repeated whose answer is told by instances after theirs.
const TRIES: u32 = 50;

#[test]
fn the_runbook_calls_what_operators_rely_on() {
    let called = called();
    for (method, path) in RELIED_ON {
        assert!(
            called.contains(&(method.to_owned(), path.to_owned())),
            "{method} {path}"
        );
    }
    let switches: BTreeSet<String> = steps().into_iter().filter_map(|step| step.switch).collect();
    assert_eq!(
        switches.iter().map(String::as_str).collect::<Vec<_>>(),
        ["DISABLE_REDIS=true", "REDIS_BYPASS=true"]
    );
}

#[test]
fn every_variable_of_the_runbook_is_set_up() {
    let set_up = names(&set_up());
    for step in steps() {
        let used = names(&step.command);
        assert!(used.is_subset(&set_up), "line {}: {used:?}", step.line);
    }
}

#[tokio::test]
async fn every_command_of_the_runbook_is_answered_as_it_says() {
    run_alone(async {
        let steps = steps();
        // Before the hour that is looked at, of which looking for days is no part.
        advance_clock(HOLDS_HAVE_LAPSED).await;
        let [start, end] = free_days().await;
        begin_an_hour().await;
        let variables = vec![("START_DATE", start), ("END_DATE", end)];
        let mut misfits = Vec::new();
        for step in steps.iter().filter(|step| step.switch.is_none()) {
            advance_clock(TOLD_EVERY).await;
            misfits.extend(misfit(step, &variables).await);
        }
        assert!(misfits.is_empty(), "{}", misfits.join("\n\n"));
    })
    .await;
}

#[tokio::test]
async fn without_a_token_the_runbooks_operators_learn_nothing() {
    let _turn = share_system().await;
    let client = Client::new();
    for (method, path) in called() {
        // The cron's route says to anybody that it is there.
        if !path.starts_with("/api/admin/") || path.ends_with("/process-payment-captures") {
            continue;
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let response = Response::to(client.request(method, &path)).await;
        response.expect_problem(401, "unauthenticated");
    }
}

/// Other hosts are configured before their suite starts, and read the same variables in the same place.
#[tokio::test]
async fn the_switches_of_the_runbook_take_redis_out() {
    if base_url() != local_url() {
        return;
    }
    let steps = steps();
    let switches: BTreeSet<&String> = steps
        .iter()
        .filter_map(|step| step.switch.as_ref())
        .collect();
    let mut misfits = Vec::new();
    for switch in switches {
        let other = Other::start(switch).await;
        for step in steps
            .iter()
            .filter(|step| step.switch.as_ref() == Some(switch))
        {
            misfits.extend(misfit(step, other.variables()).await);
        }
        other.end().await;
    }
    assert!(misfits.is_empty(), "{}", misfits.join("\n\n"));
}

/// Method and path of every request of the page to the service.
fn called() -> BTreeSet<(String, String)> {
    let requests = |step: Step| calls(&step.command);
    steps().into_iter().flat_map(requests).collect()
}

/// The figures of the last hour are those of this test.
async fn begin_an_hour() {
    advance_clock(TOLD_EVERY).await;
    // On some hosts each route is an instance, and each has yet to tell of earlier tests.
    let client = Client::new();
    for (method, path) in called() {
        match method.as_str() {
            "POST" => client.with_new_address().post(&path, &json!({})).await,
            _ => client.with_new_address().get(&path).await,
        };
    }
    advance_clock(SignedDuration::from_mins(61)).await;
}

/// Runs a step; what is not as the page says, if anything is not.
async fn misfit(step: &Step, variables: &Variables) -> Option<String> {
    let is_told_later = ["/api/admin/metrics", "/api/admin/rate-limit-monitoring"]
        .iter()
        .any(|path| step.command.contains(path));
    let tries = if is_told_later { TRIES } else { 1 };
    let mut misfit = None;
    for _ in 0..tries {
        let output = shell::run(&step.command, &random_address(), variables).await;
        misfit = output.and_then(|output| step.expected.fits(&output)).err();
        if misfit.is_none() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    misfit.map(|misfit| format!("line {}: {}\n{misfit}", step.line, step.command))
}

/// Four days from two months ahead on for which both cars of the page can be booked.
async fn free_days() -> [String; 2] {
    let client = Client::new();
    for ahead in 60..300 {
        let [start, end] = [in_days(ahead).await, in_days(ahead + 4).await];
        let mut are_free = true;
        for car in ["123", "test-car-id"] {
            let path =
                format!("/api/cars/availability?carId={car}&startDate={start}&endDate={end}");
            are_free &= client.with_new_address().get(&path).await.expect(200)["bookable"] == true;
        }
        if are_free {
            return [start, end];
        }
    }
    panic!("no four days are free for both cars");
}
