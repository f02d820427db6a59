//! `exo rate-limits`: who asked a deployment too often.

use super::{Command, Outcome, options::Options, unknown};
use crate::{
    console,
    deployment::{Deployment, LOOKED_WITHIN, Token},
    error::Error,
    table,
};
use http::Method;
use serde::Deserialize;
use std::{cmp::Reverse, collections::BTreeMap};
use url::form_urlencoded;

pub(super) const COMMAND: Command = Command {
    name: "rate-limits",
    summary: "who asked a deployment too often",
    usage: USAGE,
    run: |words| Box::pin(run(words)),
};

const USAGE: &str = "\
Usage: exo rate-limits [--minutes N] [--identifier WHO]
       exo rate-limits --clear

Shows the requests that a deployment refused because they were one too many: how many by tier, by route and by who asked,
most first, and the newest of them. The last thousand of the last day are kept; where there can have been more, it says so.

  --minutes N       the last N minutes, 1 to 1440; 60
  --identifier WHO  only those of an address, an IPv6 network (2001:db8:1:2::/64) or a user's id
  --clear           forgets all of them; the limits stay as they are
  --help            prints this

Read from the environment:
  EXODRIVE_URL  the deployment's address, as https://api.example.com
  ADMIN_TOKEN   an operator's token (of several the first)

Exit code: 0 done, 1 nothing is known because Redis is off or does not answer, 2 usage, 3 the deployment cannot be reached
or refuses.";

const PATH: &str = "/api/admin/rate-limit-monitoring";
/// Rows of a table; the rest is counted.
const MOST_ROWS: usize = 20;

#[derive(Debug, PartialEq, Eq)]
enum Action {
    /// The query.
    Show(String),
    Clear,
}

impl Action {
    fn parse(words: Vec<String>) -> Result<Self, Error> {
        let mut options = Options::new(words);
        let mut query = form_urlencoded::Serializer::new(String::new());
        let (mut clears, mut shows) = (false, false);
        while let Some(word) = options.word() {
            match word.as_str() {
                "--minutes" => {
                    let minutes = options.number(&word, 1..=1_440)?;
                    query.append_pair("minutes", &minutes.to_string());
                    shows = true;
                }
                "--identifier" => {
                    query.append_pair("identifier", &options.text(&word)?);
                    shows = true;
                }
                "--clear" => clears = true,
                word => return Err(unknown(word)),
            }
        }
        match (clears, shows) {
            (true, true) => Err(Error::Usage("--clear forgets all of them".to_owned())),
            (true, false) => Ok(Self::Clear),
            (false, _) => Ok(Self::Show(query.finish())),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
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
struct Clearing {
    cleared: bool,
}

async fn run(words: Vec<String>) -> Result<Outcome, Error> {
    let action = Action::parse(words)?;
    let deployment = Deployment::from_environment()?;
    let token = Token::required_admin()?;
    match action {
        Action::Show(query) => {
            let path = format!("{PATH}?{query}");
            let report: Report = deployment.look(&path, &token).await?;
            Ok(print(&report))
        }
        Action::Clear => {
            let asked = deployment.ask(Method::DELETE, PATH, &token, LOOKED_WITHIN);
            let Clearing { cleared } = asked.await?;
            if cleared {
                console::print("forgotten");
                return Ok(Outcome::Well);
            }
            console::print("not forgotten: Redis is off or does not answer");
            Ok(Outcome::Attention)
        }
    }
}

fn print(report: &Report) -> Outcome {
    if !report.available {
        console::print("nothing is known: Redis is off or does not answer");
        return Outcome::Attention;
    }
    console::print(&format!(
        "refused in the last {} minutes: {}",
        report.minutes, report.total
    ));
    if report.truncated {
        console::print("these are as many as are kept: there can have been more");
    }
    for (heading, totals) in [
        ("TIER", &report.by_tier),
        ("ROUTE", &report.by_route),
        ("WHO", &report.by_identifier),
    ] {
        if !totals.is_empty() {
            let drawn = table::draw([heading, "REFUSED"], &most_first(totals));
            console::print(&format!("\n{drawn}"));
        }
    }
    let newest = report.violations.iter().take(MOST_ROWS);
    let rows: Vec<_> = newest.map(Violation::cells).collect();
    if !rows.is_empty() {
        let headings = ["WHEN", "TIER", "ROUTE", "WHO", "REQUEST"];
        console::print(&format!("\n{}", table::draw(headings, &rows)));
    }
    Outcome::Well
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
        .map(|text| console::harmless(text))
    }
}

/// The rows of a table, the highest number first; what is too much is one row.
fn most_first(totals: &BTreeMap<String, u64>) -> Vec<[String; 2]> {
    let mut sorted: Vec<(&String, u64)> = totals
        .iter()
        .map(|(name, number)| (name, *number))
        .collect();
    sorted.sort_by_key(|(name, number)| (Reverse(*number), *name));
    let rest = sorted.split_off(sorted.len().min(MOST_ROWS));
    let mut rows: Vec<_> = sorted
        .into_iter()
        .map(|(name, number)| [console::harmless(name), number.to_string()])
        .collect();
    if !rest.is_empty() {
        let number: u64 = rest.iter().map(|(_, number)| number).sum();
        rows.push([format!("{} others", rest.len()), number.to_string()]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Action, Error> {
        Action::parse(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn options_become_the_query() {
        let show = |query: &str| Action::Show(query.to_owned());
        assert_eq!(parse(&[]).unwrap(), show(""));
        assert_eq!(
            parse(&["--minutes", "10", "--identifier", "2001:db8:1:2::/64"]).unwrap(),
            show("minutes=10&identifier=2001%3Adb8%3A1%3A2%3A%3A%2F64")
        );
        assert_eq!(parse(&["--clear"]).unwrap(), Action::Clear);
        for words in [
            &["--clear", "--minutes", "1"][..],
            &["--minutes", "1441"],
            &["--identifier"],
            &["now"],
        ] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }

    #[test]
    fn the_most_come_first_and_the_rest_is_counted() {
        let totals = (0..30).map(|n| (format!("192.0.2.{n:02}"), n.min(25)));
        let rows = most_first(&totals.collect());
        assert_eq!(rows.len(), MOST_ROWS + 1);
        assert_eq!(rows[0], ["192.0.2.25", "25"].map(str::to_owned));
        assert_eq!(rows[5], ["192.0.2.24", "24"].map(str::to_owned));
        assert_eq!(rows[20], ["10 others", "45"].map(str::to_owned));
    }
}
