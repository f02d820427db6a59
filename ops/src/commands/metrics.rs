//! `exo metrics`: what a deployment served in the last minutes.

use super::{Command, Outcome, options::Options, unknown};
use crate::{
    console,
    deployment::{Deployment, Token},
    error::Error,
    table,
};
use serde::Deserialize;
use serde_json::Number;
use std::collections::BTreeMap;

pub(super) const COMMAND: Command = Command {
    name: "metrics",
    summary: "requests, errors, latencies and cache hits of a deployment, by route",
    usage: USAGE,
    run: |words| Box::pin(run(words)),
};

const USAGE: &str = "\
Usage: exo metrics [--minutes N]

Shows what all instances of a deployment served: by route how many requests, how many of them ended in a 5xx, how many
cached answers came from the cache, and how long they took; the problems by route and code; what to do about the hit rate;
and whether Redis answers.

  --minutes N  the last N minutes, 1 to 1440; 60
  --help       prints this

Read from the environment:
  EXODRIVE_URL  the deployment's address, as https://api.example.com
  ADMIN_TOKEN   an operator's token (of several the first)

Exit code: 0 done, 1 there are no figures because Redis is off or does not answer, 2 usage, 3 the deployment cannot be
reached or refuses.";

const METRICS: &str = "/api/admin/metrics";
const REDIS: &str = "/api/demo/redis";
/// Milliseconds: above it latencies are not told apart.
const LONGEST_CLASS: u32 = 5_000;

#[derive(Deserialize)]
struct Overview {
    available: bool,
    total: Traffic,
    routes: BTreeMap<String, Traffic>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traffic {
    requests: u64,
    error_rate: Option<Number>,
    hit_rate: Option<Number>,
    latency_ms: Latency,
    codes: BTreeMap<String, u64>,
    /// Of a route that is cached.
    advice: Option<String>,
}

#[derive(Deserialize)]
struct Latency {
    p50: Option<u64>,
    p95: Option<u64>,
    p99: Option<u64>,
}

#[derive(Deserialize)]
struct Redis {
    redis: RedisState,
}

#[derive(Deserialize)]
struct RedisState {
    latency_ms: Option<u64>,
    mode: String,
}

impl Traffic {
    fn cells(&self, route: &str) -> [String; 7] {
        let latency = |millis: Option<u64>| match millis {
            Some(millis) => millis.to_string(),
            None if self.requests == 0 => "-".to_owned(),
            None => format!(">{LONGEST_CLASS}"),
        };
        [
            console::harmless(route),
            self.requests.to_string(),
            rate(self.error_rate.as_ref()),
            rate(self.hit_rate.as_ref()),
            latency(self.latency_ms.p50),
            latency(self.latency_ms.p95),
            latency(self.latency_ms.p99),
        ]
    }
}

fn rate(per_cent: Option<&Number>) -> String {
    per_cent.map_or("-".to_owned(), ToString::to_string)
}

fn minutes(words: Vec<String>) -> Result<u32, Error> {
    let mut options = Options::new(words);
    let mut minutes = 60;
    while let Some(word) = options.word() {
        match word.as_str() {
            "--minutes" => minutes = options.number(&word, 1..=1_440)?,
            word => return Err(unknown(word)),
        }
    }
    Ok(minutes)
}

async fn run(words: Vec<String>) -> Result<Outcome, Error> {
    let minutes = minutes(words)?;
    let deployment = Deployment::from_environment()?;
    let token = Token::required_admin()?;
    let path = format!("{METRICS}?minutes={minutes}");
    let overview: Overview = deployment.look(&path, &token).await?;
    let redis: Redis = deployment.look(REDIS, &token).await?;

    console::print(&format!("minutes: {minutes}"));
    console::print(&told(&redis.redis));
    if !overview.available {
        console::print("no figures: Redis is off or does not answer, and nobody else adds up");
        return Ok(Outcome::Attention);
    }
    print_traffic(&overview);
    print_problems(&overview);
    print_advice(&overview);
    Ok(Outcome::Well)
}

fn told(redis: &RedisState) -> String {
    let mode = console::harmless(&redis.mode);
    match redis.latency_ms {
        Some(millis) => format!("redis: {mode}, {millis} ms"),
        None => format!("redis: {mode}"),
    }
}

fn print_traffic(overview: &Overview) {
    let mut rows: Vec<_> = overview
        .routes
        .iter()
        .map(|(route, traffic)| traffic.cells(route))
        .collect();
    rows.push(overview.total.cells("total"));
    let headings = [
        "ROUTE", "REQUESTS", "ERROR %", "HIT %", "P50 MS", "P95 MS", "P99 MS",
    ];
    console::print(&format!("\n{}", table::draw(headings, &rows)));
}

fn print_problems(overview: &Overview) {
    let rows: Vec<_> = overview
        .routes
        .iter()
        .flat_map(|(route, traffic)| traffic.codes.iter().map(move |code| (route, code)))
        .map(|(route, (code, number))| {
            [
                console::harmless(route),
                console::harmless(code),
                number.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let drawn = table::draw(["ROUTE", "PROBLEM", "NUMBER"], &rows);
        console::print(&format!("\n{drawn}"));
    }
}

fn print_advice(overview: &Overview) {
    let rows: Vec<_> = overview
        .routes
        .iter()
        .filter_map(|(route, traffic)| {
            Some([
                console::harmless(route),
                rate(traffic.hit_rate.as_ref()),
                console::harmless(traffic.advice.as_ref()?),
            ])
        })
        .collect();
    if !rows.is_empty() {
        let drawn = table::draw(["ROUTE", "HIT %", "WHAT TO DO"], &rows);
        console::print(&format!("\n{drawn}"));
    }
}
