//! `exo migrate`: the database becomes what this version needs.

use super::{Command, Outcome, unknown};
use crate::{Address, Event, Migrations, console, environment, error::Error, table};
use std::path::PathBuf;

pub(super) const COMMAND: Command = Command {
    name: "migrate",
    summary: "applies the migrations that a database lacks",
    usage: USAGE,
    run: |words| Box::pin(run(words)),
};

const USAGE: &str = "\
Usage: exo migrate [--dry-run | --status] [--from FOLDER]

Applies the migrations that the database lacks. Dated files change tables: each is applied once, in the order of their
names, in a transaction of its own. Functions follow: when the text of one file changed, all are applied again in one
transaction. Stops at the first error. Earlier transactions stay, and the next call resumes there. Two runs wait for
each other.

  --dry-run      says what would be applied, and writes nothing
  --status       lists every migration; exit code 1 when one is to be applied
  --from FOLDER  takes FOLDER/*.sql and FOLDER/functions/*.sql instead of the files this program was built with
  --help         prints this

Read from the environment:
  DATABASE_URL     postgresql://USER:PASSWORD@HOST:5432/DATABASE; at Supabase that of the session pooler. sslmode is
                   prefer, require or disable; by default there is TLS if the server offers it, but none to this machine.
                   The server's certificate is always verified
  EXO_DATABASE_CA  a PEM file with the authorities that may have signed the certificate, instead of the public ones;
                   sslrootcert=FILE in DATABASE_URL says the same. Supabase has an authority of its own: download its
                   certificate under Project settings > Database > SSL configuration

Exit code: 0 done, 1 something failed, 2 usage, 3 the database cannot be reached.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Apply,
    DryRun,
    Status,
}

#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    mode: Mode,
    from: Option<PathBuf>,
}

impl Arguments {
    fn parse(words: Vec<String>) -> Result<Self, Error> {
        let mut mode = None;
        let mut from = None;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let chosen = match word.as_str() {
                "--dry-run" => Mode::DryRun,
                "--status" => Mode::Status,
                "--from" => {
                    let folder = words.next().filter(|folder| !folder.is_empty());
                    let folder =
                        folder.ok_or_else(|| Error::Usage("--from needs a folder".to_owned()))?;
                    from = Some(PathBuf::from(folder));
                    continue;
                }
                word => return Err(unknown(word)),
            };
            if mode.is_some_and(|earlier| earlier != chosen) {
                let problem = "--dry-run and --status exclude each other";
                return Err(Error::Usage(problem.to_owned()));
            }
            mode = Some(chosen);
        }
        Ok(Self {
            mode: mode.unwrap_or(Mode::Apply),
            from,
        })
    }
}

async fn run(words: Vec<String>) -> Result<Outcome, Error> {
    let arguments = Arguments::parse(words)?;
    let migrations = match &arguments.from {
        Some(folder) => Migrations::read(folder)?,
        None => Migrations::embedded()?,
    };
    let url = environment::required("DATABASE_URL", "the connection string of the database")?;
    let authority = environment::variable("EXO_DATABASE_CA");
    let client = Address::parse(&url, authority.as_deref())?
        .connect()
        .await?;
    if arguments.mode == Mode::Apply {
        let applied = migrations.apply(&client, &report).await?;
        console::print(&format!("applied: {applied}"));
        return Ok(Outcome::Well);
    }
    let steps = migrations.pending(&client).await?;
    let mut rows = Vec::new();
    let mut pending = 0;
    for step in &steps {
        let state = match step.reason {
            Some(reason) => {
                pending += 1;
                format!("to apply: {reason}")
            }
            None if arguments.mode == Mode::DryRun => continue,
            None if step.is_edited => "applied; its text changed since".to_owned(),
            None => "applied".to_owned(),
        };
        rows.push([step.file.stem().to_owned(), state]);
    }
    if !rows.is_empty() {
        console::print(&table::draw(["MIGRATION", "STATE"], &rows));
    }
    console::print(&format!("to apply: {pending}"));
    if arguments.mode == Mode::Status && pending > 0 {
        return Ok(Outcome::Attention);
    }
    Ok(Outcome::Well)
}

fn report(event: Event<'_>) {
    match event {
        Event::Waiting => console::log("exo: somebody else applies migrations: waiting for them"),
        Event::Applying { version, reason } => {
            console::print(&format!("apply {version} ({reason})"));
        }
        Event::Retrying { version } => {
            console::log(&format!(
                "exo: {version}: the tables are locked: trying again"
            ));
        }
        Event::Edited { version } => console::log(&format!(
            "exo: {version}: its text changed after it was applied; it is not applied again"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, Error> {
        Arguments::parse(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn options_combine_in_any_order() {
        let read = parse(&["--from", "x", "--status"]).unwrap();
        assert_eq!((read.mode, read.from), (Mode::Status, Some("x".into())));
        assert_eq!(
            parse(&["--dry-run", "--dry-run"]).unwrap().mode,
            Mode::DryRun
        );
        assert_eq!(parse(&[]).unwrap().mode, Mode::Apply);
    }

    #[test]
    fn what_nobody_can_mean_is_a_usage_error() {
        for words in [
            &["--dry-run", "--status"][..],
            &["--from"],
            &["--from", ""],
            &["now"],
            &["--from=x"],
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
}
