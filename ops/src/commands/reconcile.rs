//! `exo reconcile`: our payments against PayPal's, and what is left for a person.

use super::{Command, Outcome, unknown};
use crate::{
    console,
    deployment::{Deployment, Token},
    error::Error,
    table,
};
use http::Method;
use serde::Deserialize;
use std::time::Duration;

pub(super) const COMMAND: Command = Command {
    name: "reconcile",
    summary: "compares payments with PayPal, repairs what is safe, lists the rest",
    usage: USAGE,
    run: |words| Box::pin(run(words)),
};

const USAGE: &str = "\
Usage: exo reconcile [--repair-safe | --report-only]

Has a running deployment compare its payments with PayPal's and repair what is safe to repair, then lists what is open:
the payment, its booking, what does not fit, since when, and what to do about it; and PayPal's events that could not be
applied.

  --repair-safe  the default, as above
  --report-only  compares and repairs nothing: lists what earlier comparisons left open
  --help         prints this

Read from the environment:
  EXODRIVE_URL  the deployment's address, as https://api.example.com
  CRON_SECRET   lets a comparison start; without it ADMIN_TOKEN does
  ADMIN_TOKEN   an operator's token (of several the first), which --report-only needs

Exit code: 0 nothing is open, 1 something is, or a payment could not be compared, 2 usage, 3 the deployment cannot be
reached or refuses.";

const RECONCILE: &str = "/api/admin/payments/reconcile";
const DRIFT: &str = "/api/admin/payments/drift";
/// Longer than the longest function may run.
const COMPARED_WITHIN: Duration = Duration::from_secs(330);
const LISTED_WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    RepairSafe,
    ReportOnly,
}

impl Mode {
    fn parse(words: Vec<String>) -> Result<Self, Error> {
        let mut mode = None;
        for word in words {
            let chosen = match word.as_str() {
                "--repair-safe" => Self::RepairSafe,
                "--report-only" => Self::ReportOnly,
                word => return Err(unknown(word)),
            };
            if mode.is_some_and(|earlier| earlier != chosen) {
                let problem = "--repair-safe and --report-only exclude each other";
                return Err(Error::Usage(problem.to_owned()));
            }
            mode = Some(chosen);
        }
        Ok(mode.unwrap_or(Self::RepairSafe))
    }
}

/// The answer of both routes; the list alone has no counts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    checked: Option<u64>,
    repaired: Option<u64>,
    #[serde(default)]
    failed: u64,
    drift: Vec<Drift>,
    #[serde(default)]
    dead_letters: Vec<DeadLetter>,
}

/// Something that does not fit together.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Drift {
    payment_id: Option<String>,
    booking_id: Option<String>,
    reference: Option<String>,
    kind: String,
    detail: Option<String>,
    found_at: Option<String>,
    repair: Option<String>,
}

/// An event of PayPal's that could not be applied.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeadLetter {
    event_id: String,
    event_type: Option<String>,
    error: Option<String>,
    received_at: Option<String>,
}

impl Drift {
    fn cells(&self) -> [String; 5] {
        let detail = self.detail.as_ref().filter(|detail| !detail.is_empty());
        let advice = match (&self.repair, detail) {
            (Some(repair), Some(detail)) => Some(format!("{repair} ({detail})")),
            (repair, detail) => repair.as_ref().or(detail).cloned(),
        };
        [
            shown(self.payment_id.as_ref()),
            shown(self.reference.as_ref().or(self.booking_id.as_ref())),
            console::harmless(&self.kind),
            shown(self.found_at.as_ref()),
            shown(advice.as_ref()),
        ]
    }
}

impl DeadLetter {
    fn cells(&self) -> [String; 5] {
        let id = console::harmless(&self.event_id);
        let advice = format!("see to the cause, then POST /api/admin/webhooks/{id}/replay");
        [
            id,
            shown(self.event_type.as_ref()),
            shown(self.error.as_ref()),
            shown(self.received_at.as_ref()),
            advice,
        ]
    }
}

fn shown(text: Option<&String>) -> String {
    text.map_or("-".to_owned(), |text| console::harmless(text))
}

async fn run(words: Vec<String>) -> Result<Outcome, Error> {
    let mode = Mode::parse(words)?;
    let deployment = Deployment::from_environment()?;
    let report: Report = match mode {
        Mode::RepairSafe => {
            let token = Token::cron().or_else(Token::admin);
            let token = token.ok_or_else(|| missing("CRON_SECRET"))?;
            deployment
                .ask(Method::POST, RECONCILE, &token, COMPARED_WITHIN)
                .await?
        }
        Mode::ReportOnly => {
            let token = Token::admin().ok_or_else(|| missing("ADMIN_TOKEN"))?;
            deployment
                .ask(Method::GET, DRIFT, &token, LISTED_WITHIN)
                .await?
        }
    };
    Ok(print(&report))
}

fn print(report: &Report) -> Outcome {
    if let (Some(checked), Some(repaired)) = (report.checked, report.repaired) {
        let failed = report.failed;
        console::print(&format!(
            "compared {checked}, repaired {repaired}, not compared {failed}"
        ));
    }
    if !report.drift.is_empty() {
        let rows: Vec<_> = report.drift.iter().map(Drift::cells).collect();
        let headings = ["PAYMENT", "BOOKING", "KIND", "SINCE", "WHAT TO DO"];
        console::print(&table::draw(headings, &rows));
    }
    if !report.dead_letters.is_empty() {
        let rows: Vec<_> = report.dead_letters.iter().map(DeadLetter::cells).collect();
        let headings = ["EVENT", "TYPE", "ERROR", "SINCE", "WHAT TO DO"];
        console::print(&table::draw(headings, &rows));
    }
    let open = report.drift.len() + report.dead_letters.len();
    console::print(&format!("open: {open}"));
    if open == 0 && report.failed == 0 {
        Outcome::Well
    } else {
        Outcome::Attention
    }
}

fn missing(variable: &'static str) -> Error {
    Error::Variable {
        variable,
        problem: "is not set: CRON_SECRET or ADMIN_TOKEN lets a comparison start, ADMIN_TOKEN lists what is open"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Mode, Error> {
        Mode::parse(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn modes_exclude_each_other() {
        assert_eq!(parse(&[]).unwrap(), Mode::RepairSafe);
        assert_eq!(parse(&["--report-only"]).unwrap(), Mode::ReportOnly);
        for words in [
            &["--repair-safe", "--report-only"][..],
            &["--repair"],
            &[""],
        ] {
            let refused = parse(words).unwrap_err();
            assert_eq!(
                (refused.code(), refused.exit_code()),
                ("usage", 2),
                "{words:?}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_a_dash_and_what_steers_the_terminal_is_shown_as_such() {
        let drift: Drift = serde_json::from_str(
            r#"{"kind":"amount\u001b[2J","bookingId":"b","detail":"d","more":1}"#,
        )
        .unwrap();
        assert_eq!(drift.cells(), ["-", "b", "amount\u{fffd}[2J", "-", "d"]);
        let nothing: Drift = serde_json::from_str(r#"{"kind":"lapsing","detail":""}"#).unwrap();
        assert_eq!(nothing.cells(), ["-", "-", "lapsing", "-", "-"]);
    }
}
