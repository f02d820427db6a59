//! `exo rate-limits`: the requests that exceeded a deployment's rate limits.

use super::{Outcome, Report, notes, number::whole_number};
use crate::{
    console,
    deployment::{Deployment, Document, READ_TIMEOUT, Token},
    error::Error,
    table,
};
use clap::{Args, builder::NonEmptyStringValueParser};
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use std::{cmp::Reverse, collections::BTreeMap};
use url::form_urlencoded;

const PATH: &str = "/api/admin/rate-limit-monitoring";
/// The most rows of a table. A table of totals has one more row, which sums up the rest.
const MAX_ROWS: usize = 20;

/// Show the requests that exceeded the rate limits of a deployment
///
/// Shows the requests that a deployment refused because of its rate limits. Totals by tier, route
/// and identifier come first, then the newest requests. A deployment keeps the last thousand
/// refused requests of the last day. If there may have been more, the report says so.
#[derive(Debug, Args)]
#[command(after_help = notes::admin("Nothing is known, because Redis is off or does not respond"))]
pub(crate) struct Arguments {
    /// The last N minutes, from 1 to 1440. The deployment's default is 60
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number(1..=1_440),
        allow_negative_numbers = true
    )]
    minutes: Option<u32>,
    #[arg(
        long,
        value_parser = NonEmptyStringValueParser::new(),
        help = "Only an address, an IPv6 network (2001:db8:1:2::/64) or a user's id"
    )]
    identifier: Option<String>,
    /// Clear the list of refused requests. The limits stay as they are
    #[arg(long, conflicts_with_all = ["minutes", "identifier"])]
    clear: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusals {
    minutes: u64,
    available: bool,
    truncated: bool,
    total: u64,
    by_tier: BTreeMap<String, u64>,
    by_route: BTreeMap<String, u64>,
    by_identifier: BTreeMap<String, u64>,
    violations: Vec<Violation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Violation {
    at: String,
    tier: String,
    route: String,
    identifier: String,
    request_id: String,
}

#[derive(Deserialize)]
struct ClearResponse {
    cleared: bool,
}

impl Arguments {
    pub(super) async fn run(self) -> Result<Report, Error> {
        let deployment = Deployment::from_environment()?;
        let token = Token::required_admin()?;
        if self.clear {
            let Document { content, json } = deployment
                .send(Method::DELETE, PATH, &token, READ_TIMEOUT)
                .await?;
            return Ok(report_clearing(&content, json));
        }
        let path = format!("{PATH}?{}", self.query());
        let Document { content, json } = deployment.get(&path, &token).await?;
        Ok(report_refusals(&content, json))
    }

    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(minutes) = self.minutes {
            query.append_pair("minutes", &minutes.to_string());
        }
        if let Some(identifier) = &self.identifier {
            query.append_pair("identifier", identifier);
        }
        query.finish()
    }
}

fn report_clearing(clearing: &ClearResponse, document: Value) -> Report {
    let (text, outcome) = if clearing.cleared {
        ("cleared", Outcome::Success)
    } else {
        (
            "not cleared: Redis is off or does not respond",
            Outcome::NeedsOperator,
        )
    };
    Report {
        outcome,
        text: text.to_owned(),
        document,
    }
}

fn report_refusals(refusals: &Refusals, document: Value) -> Report {
    if !refusals.available {
        return Report {
            outcome: Outcome::NeedsOperator,
            text: "nothing is known: Redis is off or does not respond".to_owned(),
            document,
        };
    }
    let mut blocks = vec![format!(
        "refused in the last {} minutes: {}",
        refusals.minutes, refusals.total
    )];
    if refusals.truncated {
        blocks.push("the list is full: there may have been more".to_owned());
    }
    for (heading, totals) in [
        ("TIER", &refusals.by_tier),
        ("ROUTE", &refusals.by_route),
        ("IDENTIFIER", &refusals.by_identifier),
    ] {
        if !totals.is_empty() {
            let drawn = table::draw([heading, "REFUSED"], &highest_first(totals));
            blocks.push(format!("\n{drawn}"));
        }
    }
    let newest = refusals.violations.iter().take(MAX_ROWS);
    let rows: Vec<_> = newest.map(Violation::cells).collect();
    if !rows.is_empty() {
        let headings = ["TIME", "TIER", "ROUTE", "IDENTIFIER", "REQUEST"];
        blocks.push(format!("\n{}", table::draw(headings, &rows)));
    }
    Report {
        outcome: Outcome::Success,
        text: blocks.join("\n"),
        document,
    }
}

impl Violation {
    fn cells(&self) -> [String; 5] {
        [
            &self.at,
            &self.tier,
            &self.route,
            &self.identifier,
            &self.request_id,
        ]
        .map(|text| console::sanitize(text))
    }
}

fn highest_first(totals: &BTreeMap<String, u64>) -> Vec<[String; 2]> {
    let mut sorted: Vec<(&String, u64)> = totals
        .iter()
        .map(|(name, number)| (name, *number))
        .collect();
    sorted.sort_by_key(|(name, number)| (Reverse(*number), *name));
    let rest = sorted.split_off(sorted.len().min(MAX_ROWS));
    let mut rows: Vec<_> = sorted
        .into_iter()
        .map(|(name, number)| [console::sanitize(name), number.to_string()])
        .collect();
    if !rest.is_empty() {
        let number: u64 = rest.iter().map(|(_, number)| number).sum();
        rows.push([format!("{} others", rest.len()), number.to_string()]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Command,
            tests::{assert_refused, parse},
        },
        *,
    };

    fn arguments(words: &[&str]) -> Arguments {
        match parse(&[&["rate-limits"], words].concat()) {
            Ok(Command::RateLimits(arguments)) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_become_the_query() {
        assert_eq!(arguments(&[]).query(), "");
        assert_eq!(
            arguments(&["--minutes", "10", "--identifier", "2001:db8:1:2::/64"]).query(),
            "minutes=10&identifier=2001%3Adb8%3A1%3A2%3A%3A%2F64"
        );
        assert!(!arguments(&[]).clear && arguments(&["--clear"]).clear);
        for words in [
            &["rate-limits", "--clear", "--minutes", "1"][..],
            &["rate-limits", "--identifier", "x", "--clear"],
            &["rate-limits", "--minutes", "1441"],
            &["rate-limits", "--identifier"],
            &["rate-limits", "now"],
        ] {
            assert_refused(words);
        }
    }

    #[test]
    fn highest_come_first_and_rest_is_counted() {
        let totals = (0..30).map(|n| (format!("192.0.2.{n:02}"), n.min(25)));
        let rows = highest_first(&totals.collect());
        assert_eq!(rows.len(), MAX_ROWS + 1);
        assert_eq!(rows[0], ["192.0.2.25", "25"].map(str::to_owned));
        assert_eq!(rows[5], ["192.0.2.24", "24"].map(str::to_owned));
        assert_eq!(rows[20], ["10 others", "45"].map(str::to_owned));
    }
}
