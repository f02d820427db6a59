//! `exo findings`: lists a deployment's open findings, newest first, and acknowledges one.

use super::{
    Outcome, Report, notes,
    number::whole_number,
    reconcile::{Comparison, Drift, report},
};
use crate::{
    deployment::{Deployment, Document, READ_TIMEOUT, Token},
    error::Error,
};
use clap::{Args, builder::NonEmptyStringValueParser};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

const DRIFT: &str = "/api/admin/payments/drift";
const ACKNOWLEDGE: &str = "/api/admin/payments/findings/acknowledge";

/// List open findings about payments, or acknowledge one
///
/// Lists the open findings of a running deployment, newest first, each with advice. A second table
/// lists the events of PayPal that could not be applied. With --acknowledge, takes one finding off
/// the list until its detail changes.
#[derive(Debug, Args)]
#[command(after_help = notes::admin("Something is open"))]
pub(crate) struct Arguments {
    /// List the acknowledged findings instead
    #[arg(long)]
    acknowledged: bool,
    /// The page of the lists. The first is 1
    #[arg(long, value_name = "N", value_parser = whole_number(1..=10_000), default_value = "1")]
    page: u32,
    /// The length of a page, from 1 to 200
    #[arg(long, value_name = "N", value_parser = whole_number(1..=200), default_value = "50")]
    limit: u32,
    /// Acknowledge the finding of this payment
    #[arg(
        long,
        value_name = "PAYMENT",
        requires_all = ["kind", "reason"],
        conflicts_with_all = ["acknowledged", "page", "limit"],
        value_parser = NonEmptyStringValueParser::new()
    )]
    acknowledge: Option<String>,
    /// The kind of the finding to acknowledge, as the list shows it
    #[arg(long, requires = "acknowledge", value_parser = NonEmptyStringValueParser::new())]
    kind: Option<String>,
    /// Why it needs no repair, for the audit log
    #[arg(long, requires = "acknowledge", value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Acknowledgement {
    finding: Drift,
}

impl Arguments {
    pub(super) async fn run(self) -> Result<Report, Error> {
        let deployment = Deployment::from_environment()?;
        let token = Token::required_admin()?;
        if let Some(payment) = &self.acknowledge {
            let body = json!({ "paymentId": payment, "kind": self.kind, "reason": self.reason });
            let Document { content, json } = deployment
                .post::<Acknowledgement>(ACKNOWLEDGE, &body, &token, READ_TIMEOUT)
                .await?;
            return Ok(Report {
                outcome: Outcome::Success,
                text: format!("acknowledged: {}", content.finding.name()),
                document: json,
            });
        }
        let path = format!("{DRIFT}?{}", self.query());
        let Document { content, json } = deployment.get::<Comparison>(&path, &token).await?;
        let mut report = report(&content, json);
        if self.acknowledged {
            report.outcome = Outcome::Success;
        }
        Ok(report)
    }

    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("page", &self.page.to_string());
        query.append_pair("limit", &self.limit.to_string());
        if self.acknowledged {
            query.append_pair("acknowledged", "true");
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Command,
        tests::{assert_refused, parse},
    };

    #[test]
    fn acknowledgement_needs_kind_and_reason() {
        let complete = [
            "findings",
            "--acknowledge",
            "p",
            "--kind",
            "lapsing",
            "--reason",
            "paid in cash",
        ];
        assert!(matches!(parse(&complete), Ok(Command::Findings(_))));
        for words in [
            &complete[..5],
            &complete[..3],
            &["findings", "--kind", "lapsing"],
            &["findings", "--reason", "x"],
            &["findings", "--page", "0"],
            &["findings", "--limit", "201"],
            &[&complete[..], &["--acknowledged"]].concat(),
        ] {
            assert_refused(words);
        }
    }
}
