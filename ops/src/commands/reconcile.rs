//! `exo reconcile`: compares a deployment's payments with PayPal's, and lists the open findings.

use super::{Outcome, Report, notes};
use crate::{
    console,
    deployment::{Deployment, Document, Token, WORK_TIMEOUT},
    error::Error,
    progress::Progress,
    table,
};
use clap::Args;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

const RECONCILE: &str = "/api/admin/payments/reconcile";
const DRIFT: &str = "/api/admin/payments/drift";
const TOKENS: &str =
    "CRON_SECRET or ADMIN_TOKEN starts a comparison, ADMIN_TOKEN lists the open findings";

/// Compare payments with PayPal, repair safe differences, list the rest
///
/// Makes a running deployment compare its payments with PayPal's and repair the differences that
/// are safe to repair. Then lists the open findings, each with advice. A second table lists the
/// events of PayPal that could not be applied.
#[derive(Debug, Args)]
#[command(after_help = notes::reconcile())]
pub(crate) struct Arguments {
    /// Compare and repair. This is the default
    #[arg(long)]
    repair_safe: bool,
    /// List the open findings of earlier comparisons, without comparing or repairing
    #[arg(long, conflicts_with = "repair_safe")]
    report_only: bool,
}

/// The response of both routes. The list of open findings has no counts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Comparison {
    checked: Option<u64>,
    repaired: Option<u64>,
    #[serde(default)]
    failed: u64,
    /// The reason that the comparison ended early.
    stopped: Option<String>,
    drift: Vec<Drift>,
    pagination: Option<Pagination>,
    #[serde(default)]
    dead_letters: Vec<DeadLetter>,
    dead_letter_pagination: Option<Pagination>,
}

/// The size of a list of which one page is shown.
#[derive(Deserialize)]
struct Pagination {
    total: usize,
}

/// A difference between a payment, its booking and PayPal.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Drift {
    payment_id: Option<String>,
    booking_id: Option<String>,
    reference: Option<String>,
    kind: String,
    detail: Option<String>,
    found_at: Option<String>,
    repair: Option<String>,
}

/// A PayPal event that could not be applied.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeadLetter {
    event_id: String,
    event_type: Option<String>,
    error: Option<String>,
    received_at: Option<String>,
}

impl Arguments {
    pub(super) async fn run(self) -> Result<Report, Error> {
        let deployment = Deployment::from_environment()?;
        let Document { content, json } = if self.report_only {
            let token = Token::admin().ok_or_else(|| Error::unset("ADMIN_TOKEN", TOKENS))?;
            deployment.get(DRIFT, &token).await?
        } else {
            let token = Token::cron().or_else(Token::admin);
            let token = token.ok_or_else(|| Error::unset("CRON_SECRET", TOKENS))?;
            let _progress = Progress::start("comparing payments with PayPal");
            deployment
                .send(Method::POST, RECONCILE, &token, WORK_TIMEOUT)
                .await?
        };
        Ok(report(&content, json))
    }
}

pub(super) fn report(comparison: &Comparison, document: Value) -> Report {
    let mut blocks = Vec::new();
    if let (Some(checked), Some(repaired)) = (comparison.checked, comparison.repaired) {
        let failed = comparison.failed;
        blocks.push(format!(
            "compared {checked}, repaired {repaired}, not compared {failed}"
        ));
    }
    if let Some(reason) = &comparison.stopped {
        let reason = console::sanitize(reason);
        blocks.push(format!("ended early ({reason}), the rest is due next time"));
    }
    if !comparison.drift.is_empty() {
        let rows: Vec<_> = comparison.drift.iter().map(Drift::cells).collect();
        let headings = ["PAYMENT", "BOOKING", "KIND", "SINCE", "ADVICE"];
        blocks.push(table::draw(headings, &rows));
    }
    if !comparison.dead_letters.is_empty() {
        let letters = comparison.dead_letters.iter();
        let rows: Vec<_> = letters.map(DeadLetter::cells).collect();
        let headings = ["EVENT", "TYPE", "ERROR", "SINCE", "ADVICE"];
        blocks.push(table::draw(headings, &rows));
    }
    let total = |page: &Option<Pagination>, shown: usize| {
        page.as_ref().map_or(shown, |page| page.total.max(shown))
    };
    let findings = total(&comparison.pagination, comparison.drift.len());
    let letters = total(
        &comparison.dead_letter_pagination,
        comparison.dead_letters.len(),
    );
    let open = findings + letters;
    blocks.push(format!("open: {open}"));
    let is_refused = comparison.stopped.as_deref() == Some("paypal_refuses_us");
    Report {
        outcome: if open == 0 && comparison.failed == 0 && !is_refused {
            Outcome::Success
        } else {
            Outcome::NeedsOperator
        },
        text: blocks.join("\n"),
        document,
    }
}

impl Drift {
    /// The payment and the kind.
    pub(super) fn name(&self) -> String {
        let kind = console::sanitize(&self.kind);
        format!("{} {kind}", cell(self.payment_id.as_ref()))
    }

    fn cells(&self) -> [String; 5] {
        let detail = self.detail.as_ref().filter(|detail| !detail.is_empty());
        let advice = match (&self.repair, detail) {
            (Some(repair), Some(detail)) => Some(format!("{repair} ({detail})")),
            (repair, detail) => repair.as_ref().or(detail).cloned(),
        };
        [
            cell(self.payment_id.as_ref()),
            cell(self.reference.as_ref().or(self.booking_id.as_ref())),
            console::sanitize(&self.kind),
            cell(self.found_at.as_ref()),
            cell(advice.as_ref()),
        ]
    }
}

impl DeadLetter {
    fn cells(&self) -> [String; 5] {
        let id = console::sanitize(&self.event_id);
        let advice = format!("remove the cause, then POST /api/admin/webhooks/{id}/replay");
        [
            id,
            cell(self.event_type.as_ref()),
            cell(self.error.as_ref()),
            cell(self.received_at.as_ref()),
            advice,
        ]
    }
}

fn cell(text: Option<&String>) -> String {
    text.map_or("-".to_owned(), |text| console::sanitize(text))
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

    #[test]
    fn modes_exclude_each_other() {
        let is_report_only = |words: &[&str]| match parse(&[&["reconcile"], words].concat()) {
            Ok(Command::Reconcile(arguments)) => arguments.report_only,
            other => panic!("{other:?}"),
        };
        assert!(!is_report_only(&[]));
        assert!(!is_report_only(&["--repair-safe"]));
        assert!(is_report_only(&["--report-only"]));
        for words in [
            &["reconcile", "--repair-safe", "--report-only"][..],
            &["reconcile", "--repair"],
            &["reconcile", ""],
        ] {
            assert_refused(words);
        }
    }

    #[test]
    fn cells_are_complete_and_sanitized() {
        let drift: Drift = serde_json::from_str(
            r#"{"kind":"amount\u001b[2J","bookingId":"b","detail":"d","more":1}"#,
        )
        .unwrap();
        assert_eq!(drift.cells(), ["-", "b", "amount\u{fffd}[2J", "-", "d"]);
        let empty: Drift = serde_json::from_str(r#"{"kind":"lapsing","detail":""}"#).unwrap();
        assert_eq!(empty.cells(), ["-", "-", "lapsing", "-", "-"]);
    }
}
