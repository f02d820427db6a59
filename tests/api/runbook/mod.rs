//! `docs/RUNBOOK.md`: each command that calls the service runs, and its output is compared.

mod document;
mod expected_answer;
mod shell;

use crate::support::{
    client::{Client, Response, random_address},
    environment::runs_here,
    isolation::{run_alone, share_system},
    local_system::{advance_clock, in_days},
};
use document::{Step, calls, setup_script, steps, variable_names};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use shell::{PrivateSystem, Variables};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::sleep;

/// The methods and paths that the page must call.
const REQUIRED_CALLS: [(&str, &str); 15] = [
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

/// Longer than any hold, so those of an earlier run expire.
const HOLD_LIFETIME: SignedDuration = SignedDuration::from_mins(61);
/// Longer than the interval between an instance's reports to Redis.
const REPORT_INTERVAL: SignedDuration = SignedDuration::from_secs(6);
/// The most attempts of a command whose output may lag or depend on the machine's load.
const ATTEMPTS: u32 = 50;
/// Routes that show the reports of instances, which follow their responses, or a latency.
const RETRIED_PATHS: [&str; 3] = [
    "/api/admin/metrics",
    "/api/admin/rate-limit-monitoring",
    "/api/demo/redis",
];

#[test]
fn runbook_calls_every_required_route() {
    let called = called_routes();
    for (method, path) in REQUIRED_CALLS {
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
fn runbook_sets_every_variable() {
    let variables = variable_names(&setup_script());
    for step in steps() {
        let used = variable_names(&step.command);
        assert!(used.is_subset(&variables), "line {}: {used:?}", step.line);
    }
}

#[tokio::test]
async fn every_command_prints_expected_output() {
    run_alone(async {
        let steps = steps();
        advance_clock(HOLD_LIFETIME).await;
        // The search for free days must not count in the hour that the commands read.
        let [start, end] = free_days().await;
        start_empty_hour().await;
        let variables = vec![("START_DATE", start), ("END_DATE", end)];
        let mut mismatches = Vec::new();
        for step in steps.iter().filter(|step| step.switch.is_none()) {
            advance_clock(REPORT_INTERVAL).await;
            mismatches.extend(mismatch(step, &variables).await);
        }
        assert!(mismatches.is_empty(), "{}", mismatches.join("\n\n"));
    })
    .await;
}

#[tokio::test]
async fn admin_commands_need_token() {
    let _guard = share_system().await;
    let client = Client::new();
    for (method, path) in called_routes() {
        // The cron's route has a public status.
        if !path.starts_with("/api/admin/") || path.ends_with("/process-payment-captures") {
            continue;
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let response = Response::to(client.request(method, &path)).await;
        response.expect_problem(401, "unauthenticated");
    }
}

/// Only the local host can be started once more, with a switch.
#[tokio::test]
async fn switches_take_redis_out() {
    if !runs_here("runbook::switches_take_redis_out") {
        return;
    }
    let steps = steps();
    let switches: BTreeSet<&String> = steps
        .iter()
        .filter_map(|step| step.switch.as_ref())
        .collect();
    let mut mismatches = Vec::new();
    for switch in switches {
        let system = PrivateSystem::start(switch).await;
        for step in steps
            .iter()
            .filter(|step| step.switch.as_ref() == Some(switch))
        {
            mismatches.extend(mismatch(step, system.variables()).await);
        }
        system.stop().await;
    }
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n\n"));
}

/// The method and path of each request of the page to the service.
fn called_routes() -> BTreeSet<(String, String)> {
    let requests = |step: Step| calls(&step.command);
    steps().into_iter().flat_map(requests).collect()
}

/// Starts an hour in which only this test's requests count.
async fn start_empty_hour() {
    advance_clock(REPORT_INTERVAL).await;
    // On some hosts each route has its own instance. A request makes it report earlier tests.
    let client = Client::new();
    for (method, path) in called_routes() {
        match method.as_str() {
            "POST" => client.with_new_address().post(&path, &json!({})).await,
            _ => client.with_new_address().get(&path).await,
        };
    }
    advance_clock(SignedDuration::from_mins(61)).await;
}

/// Runs a step, and returns the difference from the page, if any.
async fn mismatch(step: &Step, variables: &Variables) -> Option<String> {
    let is_retried = RETRIED_PATHS.iter().any(|path| step.command.contains(path));
    let attempts = if is_retried { ATTEMPTS } else { 1 };
    let mut difference = None;
    for _ in 0..attempts {
        let output = shell::run(&step.command, &random_address(), variables).await;
        difference = output.and_then(|output| step.expected.check(&output)).err();
        if difference.is_none() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    difference.map(|difference| format!("line {}: {}\n{difference}", step.line, step.command))
}

/// Four days, at least two months ahead, on which both cars of the page are free.
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
