//! `exo cache`: warms or clears a deployment's cache.

use super::{Outcome, Report, notes, number::whole_number};
use crate::{
    console,
    deployment::{Deployment, Document, READ_TIMEOUT, Token, WORK_TIMEOUT},
    error::Error,
    progress::Progress,
    table,
};
use clap::{Args, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const WARM: &str = "/api/admin/cache-warm";
const CLEAR: &str = "/api/admin/cache/clear";

/// Warm the cache of a deployment, or clear it
#[derive(Debug, Args)]
#[command(after_help = notes::admin("Something could not be warmed or cleared"))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Warm(WarmArguments),
    Clear(ClearArguments),
}

/// Load the responses that visitors request first
///
/// Loads the first pages of the list, the cars booked most in the last 30 days, and the
/// availability of these cars.
#[derive(Debug, Args)]
#[command(after_help = notes::admin("Something could not be warmed"))]
struct WarmArguments {
    /// Load every car and every page, after the cache was lost
    #[arg(long)]
    emergency: bool,
    /// Number of cars, from 1 to 50. The deployment's default is 20
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number(1..=50),
        allow_negative_numbers = true
    )]
    cars: Option<u32>,
    /// Number of days from today, from 1 to 30. The deployment's default is 14
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number(1..=30),
        allow_negative_numbers = true
    )]
    days: Option<u32>,
}

/// Clear cached responses
///
/// Clears cached responses, so that an edit in the database shows at once.
#[derive(Debug, Args)]
#[command(after_help = notes::admin("The cache could not be cleared"))]
struct ClearArguments {
    /// The responses to clear [default: all]
    #[arg(long)]
    scope: Option<Scope>,
    /// Clear only one car, by slug or id
    ///
    /// Clears the lists, and the car under its slug and its id. If the car is hidden or withdrawn,
    /// everything is cleared.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    car: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Scope {
    /// Everything
    All,
    /// Lists and cars
    Cars,
    /// Availability, and the lists that depend on it
    Availability,
}

impl WarmArguments {
    fn body(&self) -> Value {
        let mut body = json!({});
        if self.emergency {
            body["emergency"] = true.into();
        }
        if let Some(cars) = self.cars {
            body["popularCarsLimit"] = cars.into();
        }
        if let Some(days) = self.days {
            body["availabilityDays"] = days.into();
        }
        body
    }
}

impl ClearArguments {
    fn body(&self) -> Value {
        let mut body = json!({});
        if let Some(scope) = self.scope {
            body["scope"] = json!(scope);
        }
        if let Some(car) = &self.car {
            body["carId"] = car.as_str().into();
        }
        body
    }
}

#[derive(Deserialize)]
struct WarmResponse {
    metrics: WarmMetrics,
}

#[derive(Deserialize)]
struct WarmMetrics {
    /// Milliseconds.
    duration: u64,
    status: String,
    warmed: WarmedCounts,
    left: u64,
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct WarmedCounts {
    pages: u64,
    cars: u64,
    availability: u64,
}

#[derive(Deserialize)]
struct ClearResponse {
    success: bool,
    cleared: bool,
}

impl Arguments {
    pub(super) async fn run(self) -> Result<Report, Error> {
        let deployment = Deployment::from_environment()?;
        let token = Token::required_admin()?;
        match self.action {
            Action::Warm(arguments) => {
                let _progress = Progress::start("warming the cache");
                let body = arguments.body();
                let Document { content, json } =
                    deployment.post(WARM, &body, &token, WORK_TIMEOUT).await?;
                Ok(report_warming(&content, json))
            }
            Action::Clear(arguments) => {
                let body = arguments.body();
                let Document { content, json } =
                    deployment.post(CLEAR, &body, &token, READ_TIMEOUT).await?;
                Ok(report_clearing(&content, json))
            }
        }
    }
}

fn report_warming(WarmResponse { metrics }: &WarmResponse, document: Value) -> Report {
    let rows = [
        ("pages of the list", metrics.warmed.pages),
        ("cars", metrics.warmed.cars),
        ("availability", metrics.warmed.availability),
        ("failed", metrics.errors.len() as u64),
        ("not started", metrics.left),
    ];
    let rows = rows.map(|(kind, number)| [kind.to_owned(), number.to_string()]);
    let mut lines = vec![table::draw(["KIND", "NUMBER"], &rows)];
    lines.extend(metrics.errors.iter().map(|error| console::sanitize(error)));
    let status = console::sanitize(&metrics.status);
    lines.push(format!("{status} in {} ms", metrics.duration));
    Report {
        outcome: if metrics.status == "completed" {
            Outcome::Success
        } else {
            Outcome::NeedsOperator
        },
        text: lines.join("\n"),
        document,
    }
}

fn report_clearing(clearing: &ClearResponse, document: Value) -> Report {
    let (text, outcome) = match (clearing.success, clearing.cleared) {
        (true, true) => ("cleared", Outcome::Success),
        (true, false) => ("nothing to clear: Redis is off", Outcome::Success),
        (false, _) => (
            "not cleared: Redis does not respond. Cached responses expire within minutes",
            Outcome::NeedsOperator,
        ),
    };
    Report {
        outcome,
        text: text.to_owned(),
        document,
    }
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

    fn body(words: &[&str]) -> Value {
        match parse(&[&["cache"], words].concat()) {
            Ok(Command::Cache(Arguments {
                action: Action::Warm(arguments),
            })) => arguments.body(),
            Ok(Command::Cache(Arguments {
                action: Action::Clear(arguments),
            })) => arguments.body(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_become_body_members() {
        assert_eq!(body(&["warm"]), json!({}));
        assert_eq!(
            body(&["warm", "--emergency", "--cars", "50", "--days", "1"]),
            json!({"emergency": true, "popularCarsLimit": 50, "availabilityDays": 1})
        );
        assert_eq!(
            body(&["clear", "--scope", "cars", "--car", "123"]),
            json!({"scope": "cars", "carId": "123"})
        );
        assert_eq!(body(&["clear"]), json!({}));
    }

    #[test]
    fn invalid_arguments_are_refused() {
        for words in [
            &["cache"][..],
            &["cache", "fill"],
            &["cache", "warm", "--all"],
            &["cache", "warm", "--cars"],
            &["cache", "warm", "--cars", "51"],
            &["cache", "warm", "--days", "0"],
            &["cache", "warm", "--days", "-1"],
            &["cache", "warm", "--cars", "--days"],
            &["cache", "clear", "--scope", "everything"],
            &["cache", "clear", "--scope"],
            &["cache", "clear", "--car", ""],
            &["cache", "clear", "--emergency"],
        ] {
            assert_refused(words);
        }
    }
}
