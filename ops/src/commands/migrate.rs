//! `exo migrate`: brings a database up to this version.

use super::{Outcome, Report, notes};
use crate::{
    Address, Event, Migrations, Reason, console::Console, environment, error::Error,
    progress::Progress, table,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};
use tokio_postgres::Client;

/// Apply the migrations that a database lacks
///
/// Dated files change tables: each is applied once, in the order of their names, in a transaction
/// of its own. Functions follow: when the text of one file changed, all are applied again in one
/// transaction. The first error stops the run. Earlier transactions stay, and the next run resumes
/// there. Of two concurrent runs, one waits for the other.
#[derive(Debug, Args)]
#[command(after_help = notes::migrate())]
pub(crate) struct Arguments {
    /// List the migrations that would be applied, and write nothing
    #[arg(long, conflicts_with = "status")]
    dry_run: bool,
    /// List every migration, and exit with 1 if one is pending
    #[arg(long)]
    status: bool,
    /// Use FOLDER/*.sql and FOLDER/functions/*.sql instead of the files in this program
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
}

impl Arguments {
    pub(super) async fn run(self, console: &Console) -> Result<Report, Error> {
        let migrations = match &self.from {
            Some(folder) => Migrations::read(folder)?,
            None => Migrations::embedded()?,
        };
        let advice = "set it to the database's connection string";
        let url = environment::required("DATABASE_URL", advice)?;
        let authority = environment::variable("EXO_DATABASE_CA");
        let address = Address::parse(&url, authority.as_deref())?;
        let progress = Progress::start("connecting to the database");
        let client = address.connect().await?;
        if self.dry_run || self.status {
            self.list(&migrations, &client).await
        } else {
            apply(&migrations, &client, console, &progress).await
        }
    }

    async fn list(&self, migrations: &Migrations, client: &Client) -> Result<Report, Error> {
        let mut rows = Vec::new();
        let mut documents = Vec::new();
        let mut pending = 0;
        for step in migrations.steps(client).await? {
            let (state, text) = match step.reason {
                Some(reason) => {
                    pending += 1;
                    ("pending", format!("to apply: {reason}"))
                }
                None if self.dry_run => continue,
                None if step.is_edited => ("edited", "applied; its text changed since".to_owned()),
                None => ("applied", "applied".to_owned()),
            };
            let stem = step.file.stem();
            let reason = step.reason.map(reason_code);
            documents.push(json!({"version": stem, "state": state, "reason": reason}));
            rows.push([stem.to_owned(), text]);
        }
        let mut blocks = Vec::new();
        if !rows.is_empty() {
            blocks.push(table::draw(["MIGRATION", "STATE"], &rows));
        }
        blocks.push(format!("to apply: {pending}"));
        Ok(Report {
            outcome: if self.status && pending > 0 {
                Outcome::NeedsOperator
            } else {
                Outcome::Success
            },
            text: blocks.join("\n"),
            document: json!({"pending": pending, "migrations": documents}),
        })
    }
}

async fn apply(
    migrations: &Migrations,
    client: &Client,
    console: &Console,
    progress: &Progress,
) -> Result<Report, Error> {
    let documents = Mutex::new(Vec::<Value>::new());
    let report = |event: Event<'_>| match event {
        Event::Waiting => {
            let text = "another run applies migrations: waiting for its end";
            progress.suspend(|| console.notify(text));
            progress.set_step("waiting for another run");
        }
        Event::Applying { stem, reason } => {
            progress.suspend(|| console.print_step(&format!("apply {stem} ({reason})")));
            progress.set_step(&format!("applying {stem}"));
            let document = json!({"version": stem, "reason": reason_code(reason)});
            let mut documents = documents.lock().unwrap_or_else(PoisonError::into_inner);
            documents.push(document);
        }
        Event::Retrying { stem } => {
            let text = format!("{stem}: the tables are locked: trying again");
            progress.suspend(|| console.notify(&text));
        }
        Event::Edited { stem } => {
            let text =
                format!("{stem}: its text changed after it was applied; it is not applied again");
            progress.suspend(|| console.notify(&text));
        }
    };
    progress.set_step("comparing the database with the files");
    let applied = migrations.apply(client, &report).await?;
    let documents = documents
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Report {
        outcome: Outcome::Success,
        text: format!("applied: {applied}"),
        document: json!({"applied": documents}),
    })
}

fn reason_code(reason: Reason) -> &'static str {
    match reason {
        Reason::New => "new",
        Reason::Changed => "changed",
        Reason::Altered => "altered",
        Reason::Follows => "follows",
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

    fn arguments(words: &[&str]) -> Arguments {
        match parse(&[&["migrate"], words].concat()) {
            Ok(Command::Migrate(arguments)) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_combine_in_any_order() {
        let status = arguments(&["--from", "x", "--status"]);
        assert!(status.status && !status.dry_run);
        assert_eq!(status.from, Some("x".into()));
        let dry_run = arguments(&["--dry-run", "--dry-run"]);
        assert!(dry_run.dry_run && !dry_run.status);
        let apply = arguments(&[]);
        assert!(!apply.dry_run && !apply.status && apply.from.is_none());
    }

    #[test]
    fn invalid_arguments_are_refused() {
        for words in [
            &["migrate", "--dry-run", "--status"][..],
            &["migrate", "--status", "--dry-run"],
            &["migrate", "--from"],
            &["migrate", "--from", ""],
            &["migrate", "now"],
            &["migrate", "--from=x", "--from"],
            &["migrate", ""],
        ] {
            assert_refused(words);
        }
    }
}
