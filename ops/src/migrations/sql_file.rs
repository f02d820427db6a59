//! An SQL file: its form, its checksum, and sending it to the server in one message.

use crate::error::Error;
use sha2::{Digest as _, Sha256};
use std::{borrow::Cow, fmt::Write as _, fs, path::Path};
use tokio_postgres::{
    Client,
    error::{DbError, ErrorPosition},
};

/// A file of SQL statements.
pub struct SqlFile {
    name: Cow<'static, str>,
    text: Cow<'static, str>,
}

impl SqlFile {
    /// A file that is one transaction: its first line of code is `BEGIN;`, its last is `COMMIT;`.
    /// Any other file is refused, because an error could leave half of it applied.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Result<Self, Error> {
        let file = Self {
            name: name.into(),
            text: text.into(),
        };
        let lines: Vec<&str> = file.code_lines().collect();
        let equals =
            |line: Option<&&str>, word: &str| line.is_some_and(|it| it.eq_ignore_ascii_case(word));
        let is_whole = equals(lines.first(), "BEGIN;") && equals(lines.last(), "COMMIT;");
        if is_whole && file.transaction_lines() == 2 {
            Ok(file)
        } else {
            Err(Error::NotOneTransaction {
                file: file.name.into_owned(),
            })
        }
    }

    /// A file for the caller's transaction, which it must neither begin nor end.
    pub(super) fn without_transaction(
        name: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Result<Self, Error> {
        let file = Self {
            name: name.into(),
            text: text.into(),
        };
        if file.transaction_lines() == 0 {
            Ok(file)
        } else {
            Err(Error::EndsTransaction {
                file: file.name.into_owned(),
            })
        }
    }

    /// The trimmed lines, without blank lines and comment lines.
    fn code_lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines().map(str::trim);
        lines.filter(|line| !line.is_empty() && !line.starts_with("--"))
    }

    /// The lines that begin or end a transaction. The `BEGIN` of a function has no semicolon.
    fn transaction_lines(&self) -> usize {
        let words = ["BEGIN;", "COMMIT;", "ROLLBACK;"];
        let is_transaction = |line: &&str| words.iter().any(|word| line.eq_ignore_ascii_case(word));
        self.code_lines().filter(is_transaction).count()
    }

    /// The `*.sql` files of a folder, in the byte order of their names. Each is one transaction.
    pub fn read_folder(folder: &Path) -> Result<Vec<Self>, Error> {
        let files = read_texts(folder)?.into_iter();
        files.map(|(name, text)| Self::new(name, text)).collect()
    }

    /// The file's path below the folder of migrations.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name without `.sql`, as the registries list it.
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

    /// Sends a file that is one transaction. After an error it is rolled back, and the session
    /// stays usable.
    pub async fn run_transaction(&self, client: &Client) -> Result<(), Error> {
        let result = self.send(client, &self.text).await;
        if result.is_err() {
            // If the session is gone, the server has rolled back.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        result
    }

    /// Sends a file for the caller's transaction.
    pub(super) async fn send_statements(&self, client: &Client) -> Result<(), Error> {
        self.send(client, &self.text).await
    }

    /// Sends a file that is one transaction up to `COMMIT;`, so that the caller can add statements.
    pub(super) async fn send_until_commit(&self, client: &Client) -> Result<(), Error> {
        self.send(client, &self.text_until_commit()).await
    }

    /// Ends the transaction of [`SqlFile::send_until_commit`]. A deferred constraint fails here.
    pub(super) async fn send_commit(&self, client: &Client) -> Result<(), Error> {
        self.send(client, "COMMIT").await
    }

    /// The lines before `COMMIT;`. Places in them are places in the file.
    fn text_until_commit(&self) -> String {
        let lines = self.text.split_inclusive('\n');
        lines
            .take_while(|line| !line.trim().eq_ignore_ascii_case("COMMIT;"))
            .collect()
    }

    /// Sends statements of this file in one message.
    async fn send(&self, client: &Client, statements: &str) -> Result<(), Error> {
        let result = client.batch_execute(statements).await;
        result.map_err(|error| match error.as_db_error() {
            Some(refusal) => Error::Statement {
                place: self.place(refusal),
                sqlstate: refusal.code().clone(),
                message: describe(refusal),
            },
            None => Error::Database {
                step: format!("apply {}", self.name),
                source: error,
            },
        })
    }

    /// The file, with line and column if PostgreSQL reports a position. PostgreSQL counts the
    /// characters of the whole message from 1.
    fn place(&self, refusal: &DbError) -> String {
        let Some(ErrorPosition::Original(position)) = refusal.position() else {
            return self.name.clone().into_owned();
        };
        let (line, column) = line_and_column(&self.text, *position);
        format!("{}, line {line}, column {column}", self.name)
    }
}

/// Names and texts of the `*.sql` files of a folder, in the byte order of their names.
pub(super) fn read_texts(folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let failed = || Error::io(format!("read {}", folder.display()));
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let text =
                fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
            texts.push((name.into_owned(), text));
        }
    }
    texts.sort();
    Ok(texts)
}

/// The line and column of the character at `position`. All three count from 1.
fn line_and_column(text: &str, position: u32) -> (usize, usize) {
    let before = usize::try_from(position).unwrap_or(usize::MAX);
    let (mut line, mut column) = (1, 1);
    for character in text.chars().take(before.saturating_sub(1)) {
        (line, column) = if character == '\n' {
            (line + 1, 1)
        } else {
            (line, column + 1)
        };
    }
    (line, column)
}

/// PostgreSQL's message, followed by a line each for detail, hint and context.
fn describe(refusal: &DbError) -> String {
    let code = refusal.code().code();
    let mut text = format!("{} {code}: {}", refusal.severity(), refusal.message());
    let fields = [
        ("detail", refusal.detail()),
        ("hint", refusal.hint()),
        ("context", refusal.where_()),
    ];
    for (name, field) in fields {
        if let Some(field) = field {
            let _ = write!(text, "\n  {name}: {field}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dated_file_is_one_transaction() {
        let is_accepted = |text: &'static str| SqlFile::new("f.sql", text).is_ok();
        assert!(is_accepted("-- why\nBEGIN;\nSELECT 1;\nCOMMIT;\n"));
        assert!(is_accepted(
            "begin;\n  DO $$\n  BEGIN\n  END;\n  $$;\ncommit;\n-- done\n"
        ));
        for refused in [
            "",
            "SELECT 1;",
            "BEGIN;\nSELECT 1;",
            "SELECT 1;\nCOMMIT;",
            "BEGIN;\nCOMMIT;\nSELECT 1;",
            "BEGIN;\nCOMMIT;\nBEGIN;\nCOMMIT;",
            "BEGIN;\nSELECT 1; COMMIT;",
            "-- BEGIN;\nCOMMIT;",
        ] {
            assert!(!is_accepted(refused), "{refused}");
        }
    }

    #[test]
    fn commit_is_cut_off() {
        for (text, expected) in [
            (
                "-- COMMIT;\nBEGIN;\nSELECT 1;\nCOMMIT;\n",
                "-- COMMIT;\nBEGIN;\nSELECT 1;\n",
            ),
            (
                "begin;\r\nSELECT 'ß';\r\n commit; \r\n-- COMMIT;",
                "begin;\r\nSELECT 'ß';\r\n",
            ),
        ] {
            let file = SqlFile::new("f.sql", text).unwrap();
            assert_eq!(file.text_until_commit(), expected);
        }
    }

    #[test]
    fn function_file_has_no_transaction() {
        let is_accepted = |text: &'static str| SqlFile::without_transaction("f.sql", text).is_ok();
        assert!(is_accepted("DO $$\nBEGIN\nEND;\n$$;"));
        for refused in [
            "BEGIN;\nSELECT 1;\nCOMMIT;",
            "SELECT 1;\n commit; ",
            "ROLLBACK;",
        ] {
            assert!(!is_accepted(refused), "{refused}");
        }
    }

    #[test]
    fn checksum_equals_sha256sum() {
        let file = SqlFile::new("20250101_a.sql", "BEGIN;\nCOMMIT;\n").unwrap();
        assert_eq!(file.stem(), "20250101_a");
        assert_eq!(
            file.checksum(),
            "cd9cf0971f79cb424a67ff0d93db0b805cb4d461ed4a2c3cf496fdf46ea7b7ae"
        );
    }

    #[test]
    fn positions_count_characters() {
        let text = "-- ü\nSELECT ß, x";
        assert_eq!(line_and_column(text, 1), (1, 1));
        assert_eq!(line_and_column(text, 6), (2, 1));
        assert_eq!(line_and_column(text, 16), (2, 11));
        assert_eq!(line_and_column(text, 900), (2, 12));
    }
}
