//! `exo metrics`: the traffic of a deployment in the last minutes.

use super::{Outcome, Report, notes, number::whole_number};
use crate::{
    console,
    deployment::{Deployment, Document, Token},
    error::Error,
    table,
};
use clap::Args;
use serde::Deserialize;
use serde_json::{Number, json};
use std::collections::BTreeMap;

const METRICS: &str = "/api/admin/metrics";
const REDIS: &str = "/api/demo/redis";
/// Milliseconds. Latencies above it are counted together.
const MAX_LATENCY: u32 = 5_000;

/// Show requests, errors, latencies and cache hits of a deployment, by route
///
/// Shows the traffic of all instances of a deployment. For each route, it shows the requests, the
/// share of 5xx responses, the share of cacheable responses that came from the cache, and the
/// latencies. Further tables show the problems by route and code, and advice about the hit rate.
/// One line says whether Redis responds.
#[derive(Debug, Args)]
#[command(
    after_help = notes::admin("There are no figures, because Redis is off or does not respond")
)]
pub(crate) struct Arguments {
    /// The last N minutes, from 1 to 1440
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number(1..=1_440),
        default_value = "60",
        allow_negative_numbers = true
    )]
    minutes: u32,
}

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
    /// None for routes that are not cached.
    advice: Option<String>,
}

#[derive(Deserialize)]
struct Latency {
    p50: Option<u64>,
    p95: Option<u64>,
    p99: Option<u64>,
}

#[derive(Deserialize)]
struct RedisReport {
    redis: RedisState,
}

#[derive(Deserialize)]
struct RedisState {
    latency_ms: Option<u64>,
    mode: String,
}

impl Arguments {
    pub(super) async fn run(self) -> Result<Report, Error> {
        let deployment = Deployment::from_environment()?;
        let token = Token::required_admin()?;
        let path = format!("{METRICS}?minutes={}", self.minutes);
        let metrics: Document<Overview> = deployment.get(&path, &token).await?;
        let redis: Document<RedisReport> = deployment.get(REDIS, &token).await?;

        let overview = &metrics.content;
        let mut blocks = vec![
            format!("minutes: {}", self.minutes),
            redis.content.redis.line(),
        ];
        let outcome = if overview.available {
            blocks.push(format!("\n{}", overview.traffic_table()));
            blocks.extend(overview.problem_table().map(|table| format!("\n{table}")));
            blocks.extend(overview.advice_table().map(|table| format!("\n{table}")));
            Outcome::Success
        } else {
            blocks.push("no figures: Redis, which adds them up, is off or does not respond".into());
            Outcome::NeedsOperator
        };
        Ok(Report {
            outcome,
            text: blocks.join("\n"),
            document: json!({"metrics": metrics.json, "redis": redis.json["redis"]}),
        })
    }
}

impl RedisState {
    fn line(&self) -> String {
        let mode = console::sanitize(&self.mode);
        match self.latency_ms {
            Some(millis) => format!("redis: {mode}, {millis} ms"),
            None => format!("redis: {mode}"),
        }
    }
}

impl Traffic {
    fn cells(&self, route: &str) -> [String; 7] {
        let latency = |millis: Option<u64>| match millis {
            Some(millis) => millis.to_string(),
            None if self.requests == 0 => "-".to_owned(),
            None => format!(">{MAX_LATENCY}"),
        };
        [
            console::sanitize(route),
            self.requests.to_string(),
            per_cent(self.error_rate.as_ref()),
            per_cent(self.hit_rate.as_ref()),
            latency(self.latency_ms.p50),
            latency(self.latency_ms.p95),
            latency(self.latency_ms.p99),
        ]
    }
}

impl Overview {
    fn traffic_table(&self) -> String {
        let mut rows: Vec<_> = self
            .routes
            .iter()
            .map(|(route, traffic)| traffic.cells(route))
            .collect();
        rows.push(self.total.cells("total"));
        let headings = [
            "ROUTE", "REQUESTS", "ERROR %", "HIT %", "P50 MS", "P95 MS", "P99 MS",
        ];
        table::draw(headings, &rows)
    }

    fn problem_table(&self) -> Option<String> {
        let rows: Vec<_> = self
            .routes
            .iter()
            .flat_map(|(route, traffic)| traffic.codes.iter().map(move |code| (route, code)))
            .map(|(route, (code, number))| {
                [
                    console::sanitize(route),
                    console::sanitize(code),
                    number.to_string(),
                ]
            })
            .collect();
        (!rows.is_empty()).then(|| table::draw(["ROUTE", "PROBLEM", "NUMBER"], &rows))
    }

    fn advice_table(&self) -> Option<String> {
        let rows: Vec<_> = self
            .routes
            .iter()
            .filter_map(|(route, traffic)| {
                Some([
                    console::sanitize(route),
                    per_cent(traffic.hit_rate.as_ref()),
                    console::sanitize(traffic.advice.as_ref()?),
                ])
            })
            .collect();
        (!rows.is_empty()).then(|| table::draw(["ROUTE", "HIT %", "ADVICE"], &rows))
    }
}

fn per_cent(rate: Option<&Number>) -> String {
    rate.map_or("-".to_owned(), ToString::to_string)
}
