//! One SQL file: a transaction that is applied as a whole.

use super::statements::{self, Statement};
use crate::error::Error;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use std::{borrow::Cow, fmt::Write as _, fs, path::Path, pin::pin};
use tokio_postgres::{
    Client, SimpleQueryMessage,
    error::{DbError, ErrorPosition},
};

/// A file of `BEGIN; … COMMIT;`, which does no harm the second time.
pub struct SqlFile {
    name: Cow<'static, str>,
    text: Cow<'static, str>,
}

impl SqlFile {
    /// A text that is not one transaction is refused: half of it could stay behind.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Result<Self, Error> {
        let file = Self {
            name: name.into(),
            text: text.into(),
        };
        let statements = statements::split(&file.text);
        let is = |statement: &Statement<'_>, word: &str| statement.text.eq_ignore_ascii_case(word);
        let ends = statements
            .iter()
            .filter(|statement| is(statement, "COMMIT"))
            .count();
        let is_whole = statements.first().is_some_and(|first| is(first, "BEGIN"))
            && statements.last().is_some_and(|last| is(last, "COMMIT"))
            && ends == 1;
        if is_whole {
            Ok(file)
        } else {
            Err(Error::NotOneTransaction {
                file: file.name.into_owned(),
            })
        }
    }

    /// The `*.sql` of a folder, in the byte order of their names.
    pub fn read_folder(folder: &Path) -> Result<Vec<Self>, Error> {
        let failed = || Error::io(format!("read {}", folder.display()));
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                paths.push(path);
            }
        }
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let text =
                fs::read_to_string(path).map_err(Error::io(format!("read {}", path.display())))?;
            Self::new(name.into_owned(), text)
        };
        paths.iter().map(read).collect()
    }

    /// The file's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name without `.sql`, under which a migration lists itself.
    #[must_use]
    pub fn stem(&self) -> &str {
        self.name.strip_suffix(".sql").unwrap_or(&self.name)
    }

    /// SHA-256 of the file's bytes, in hexadecimal.
    #[must_use]
    pub fn checksum(&self) -> String {
        let mut digits = String::with_capacity(64);
        for byte in Sha256::digest(self.text.as_bytes()) {
            let _ = write!(digits, "{byte:02x}");
        }
        digits
    }

    /// Runs the file. After an error nothing of it is left, and the session is fit for more.
    pub async fn run(&self, client: &Client) -> Result<(), Error> {
        let Err((done, error)) = self.send(client).await else {
            return Ok(());
        };
        // Of a session that is gone, the server has ended the transaction itself.
        let _ = client.batch_execute("ROLLBACK").await;
        Err(match error.as_db_error() {
            Some(refusal) => Error::Statement {
                file: self.name.clone().into_owned(),
                place: self.place(done, refusal),
                message: told(refusal),
            },
            None => Error::Database {
                what: format!("apply {}", self.name),
                source: error,
            },
        })
    }

    /// Sends all statements in one message. An error comes with the number of statements that had been completed.
    async fn send(&self, client: &Client) -> Result<(), (usize, tokio_postgres::Error)> {
        let mut done = 0;
        let answers = client
            .simple_query_raw(&self.text)
            .await
            .map_err(|error| (done, error))?;
        let mut answers = pin!(answers);
        while let Some(answer) = answers.next().await {
            if let SimpleQueryMessage::CommandComplete(_) = answer.map_err(|error| (done, error))? {
                done += 1;
            }
        }
        Ok(())
    }

    /// Where the server stopped: where it points, else the start of the first statement that was not completed.
    fn place(&self, done: usize, refusal: &DbError) -> String {
        let statements = statements::split(&self.text);
        let of = statements.len();
        if let Some(ErrorPosition::Original(position)) = refusal.position() {
            let at = statements::offset(&self.text, *position);
            let (line, column) = statements::line_and_column(&self.text, at);
            let number = statements
                .iter()
                .filter(|statement| statement.start <= at)
                .count();
            return format!("line {line}, column {column} (statement {number} of {of})");
        }
        match statements.get(done) {
            Some(statement) => {
                let (line, _) = statements::line_and_column(&self.text, statement.start);
                format!("line {line} (statement {} of {of})", done + 1)
            }
            None => "at its end".to_owned(),
        }
    }
}

/// All that PostgreSQL says, on lines of their own.
fn told(refusal: &DbError) -> String {
    let code = refusal.code().code();
    let mut told = format!("{} {code}: {}", refusal.severity(), refusal.message());
    let more = [
        ("detail", refusal.detail()),
        ("hint", refusal.hint()),
        ("context", refusal.where_()),
    ];
    for (name, text) in more {
        if let Some(text) = text {
            let _ = write!(told, "\n  {name}: {text}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_transaction_is_a_file() {
        let is_accepted = |text: &'static str| SqlFile::new("f.sql", text).is_ok();
        assert!(is_accepted("-- why\nBEGIN;\nSELECT 1;\nCOMMIT;\n"));
        assert!(is_accepted("begin; commit"));
        for refused in [
            "",
            "SELECT 1;",
            "BEGIN; SELECT 1;",
            "SELECT 1; COMMIT;",
            "BEGIN; COMMIT; SELECT 1;",
            "BEGIN; COMMIT; BEGIN; COMMIT;",
            "BEGIN; SELECT ';COMMIT;'",
            "-- BEGIN;\nCOMMIT;",
        ] {
            assert!(!is_accepted(refused), "{refused}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_sha256sum() {
        let file = SqlFile::new("20250101_a.sql", "BEGIN;COMMIT;\n").unwrap();
        assert_eq!(file.stem(), "20250101_a");
        assert_eq!(
            file.checksum(),
            "3fdaeb0d0345fbe2bb2dd5cf01a5a830b71108bcd072392f410da533f4353165"
        );
    }
}
