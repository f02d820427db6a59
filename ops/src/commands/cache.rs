//! `exo cache`: fills a deployment's cache, or gives it up.

use super::{Command, Outcome, options::Options, unknown};
use crate::{
    console,
    deployment::{Deployment, Token},
    error::Error,
    table,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const COMMAND: Command = Command {
    name: "cache",
    summary: "warms the cache of a deployment, or clears it",
    usage: USAGE,
    run: |words| Box::pin(run(words)),
};

const USAGE: &str = "\
Usage: exo cache warm [--emergency] [--cars N] [--days N]
       exo cache clear [--scope SCOPE] [--car CAR]

warm loads what visitors ask for first: the first pages of the list, the cars booked most in the last 30 days, and their
next days.

  --emergency  every car and every page, as after the cache was lost
  --cars N     how many cars, 1 to 50; 20
  --days N     how many days from today, 1 to 30; 14

clear gives up what is cached, so that what was edited in the database shows at once.

  --scope SCOPE  all (the default), cars (lists and cars) or availability
  --car CAR      one car, by slug or id, under both names, and the lists. A car that is hidden or withdrawn by now takes
                 everything with it

  --help  prints this

Read from the environment:
  EXODRIVE_URL  the deployment's address, as https://api.example.com
  ADMIN_TOKEN   an operator's token (of several the first)

Exit code: 0 done, 1 something could not be warmed or cleared, 2 usage, 3 the deployment cannot be reached or refuses.";

const WARM: &str = "/api/admin/cache-warm";
const CLEAR: &str = "/api/admin/cache/clear";
/// Longer than the functions may run.
const WARMED_WITHIN: Duration = Duration::from_secs(330);
const CLEARED_WITHIN: Duration = Duration::from_secs(30);

/// What is to be done, as the body that the deployment takes.
#[derive(Debug, PartialEq)]
enum Action {
    Warm(Value),
    Clear(Value),
}

impl Action {
    fn parse(words: Vec<String>) -> Result<Self, Error> {
        let mut options = Options::new(words);
        match options.word().as_deref() {
            Some("warm") => warm_body(options).map(Self::Warm),
            Some("clear") => clear_body(options).map(Self::Clear),
            Some(word) => Err(unknown(word)),
            None => Err(Error::Usage("warm or clear?".to_owned())),
        }
    }
}

fn warm_body(mut options: Options) -> Result<Value, Error> {
    let mut body = json!({});
    while let Some(word) = options.word() {
        let (name, value) = match word.as_str() {
            "--emergency" => ("emergency", json!(true)),
            "--cars" => ("popularCarsLimit", options.number(&word, 1..=50)?.into()),
            "--days" => ("availabilityDays", options.number(&word, 1..=30)?.into()),
            word => return Err(unknown(word)),
        };
        body[name] = value;
    }
    Ok(body)
}

fn clear_body(mut options: Options) -> Result<Value, Error> {
    let mut body = json!({});
    while let Some(word) = options.word() {
        let name = match word.as_str() {
            "--scope" => "scope",
            "--car" => "carId",
            word => return Err(unknown(word)),
        };
        body[name] = options.text(&word)?.into();
    }
    let scopes = ["all", "cars", "availability"];
    match body["scope"].as_str() {
        Some(scope) if !scopes.contains(&scope) => {
            let problem = "--scope must be all, cars or availability";
            Err(Error::Usage(problem.to_owned()))
        }
        _ => Ok(body),
    }
}

#[derive(Deserialize)]
struct Warming {
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    duration: u64,
    status: String,
    warmed: Warmed,
    left: u64,
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct Warmed {
    pages: u64,
    cars: u64,
    availability: u64,
}

#[derive(Deserialize)]
struct Clearing {
    success: bool,
    cleared: bool,
}

async fn run(words: Vec<String>) -> Result<Outcome, Error> {
    let action = Action::parse(words)?;
    let deployment = Deployment::from_environment()?;
    let token = Token::required_admin()?;
    match action {
        Action::Warm(body) => {
            let warming = deployment.tell(WARM, &body, &token, WARMED_WITHIN).await?;
            Ok(print_warming(&warming))
        }
        Action::Clear(body) => {
            let clearing = deployment.tell(CLEAR, &body, &token, CLEARED_WITHIN);
            Ok(print_clearing(&clearing.await?))
        }
    }
}

fn print_warming(Warming { metrics }: &Warming) -> Outcome {
    let rows = [
        ("pages of the list", metrics.warmed.pages),
        ("cars", metrics.warmed.cars),
        ("availability", metrics.warmed.availability),
        ("failed", metrics.errors.len() as u64),
        ("not begun", metrics.left),
    ];
    let rows = rows.map(|(kind, number)| [kind.to_owned(), number.to_string()]);
    console::print(&table::draw(["KIND", "NUMBER"], &rows));
    for error in &metrics.errors {
        console::print(&console::harmless(error));
    }
    let status = console::harmless(&metrics.status);
    console::print(&format!("{status} in {} ms", metrics.duration));
    if metrics.status == "completed" {
        Outcome::Well
    } else {
        Outcome::Attention
    }
}

fn print_clearing(clearing: &Clearing) -> Outcome {
    let (text, outcome) = match (clearing.success, clearing.cleared) {
        (true, true) => ("cleared", Outcome::Well),
        (true, false) => ("nothing to clear: Redis is off", Outcome::Well),
        (false, _) => (
            "not cleared: Redis does not answer. What is cached ends by itself within minutes",
            Outcome::Attention,
        ),
    };
    console::print(text);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Action, Error> {
        Action::parse(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn options_become_the_members_of_the_body() {
        let warm = |body| Action::Warm(body);
        assert_eq!(parse(&["warm"]).unwrap(), warm(json!({})));
        assert_eq!(
            parse(&["warm", "--emergency", "--cars", "50", "--days", "1"]).unwrap(),
            warm(json!({"emergency": true, "popularCarsLimit": 50, "availabilityDays": 1}))
        );
        assert_eq!(
            parse(&["clear", "--scope", "cars", "--car", "123"]).unwrap(),
            Action::Clear(json!({"scope": "cars", "carId": "123"}))
        );
        assert_eq!(parse(&["clear"]).unwrap(), Action::Clear(json!({})));
    }

    #[test]
    fn what_nobody_can_mean_is_refused() {
        for words in [
            &[][..],
            &["fill"],
            &["warm", "--all"],
            &["warm", "--cars"],
            &["warm", "--cars", "51"],
            &["warm", "--days", "0"],
            &["warm", "--days", "-1"],
            &["warm", "--cars", "--days"],
            &["clear", "--scope", "everything"],
            &["clear", "--scope"],
            &["clear", "--car", ""],
            &["clear", "--emergency"],
        ] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }
}
