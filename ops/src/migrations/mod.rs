//! The files of `migrations/`, and applying them to a database.
//!
//! Dated files change tables and are applied once, in order. When one file of `functions/` changed,
//! all of them are applied again in one transaction. See
//! `docs/adr/0010-functions-apart-from-tables.md`.

mod apply;
mod plan;
mod registry;
mod sql_file;

pub use self::{apply::Event, plan::Reason, sql_file::SqlFile};

use crate::error::Error;
use std::path::Path;

/// The files that this program was built with: path below `migrations/`, and text.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// The subfolder with the functions.
const FUNCTIONS: &str = "functions";

/// The script that applies the migrations with `psql`. It is no migration itself.
const PSQL_SCRIPT: &str = "apply.sql";

/// The files of `functions/` that are applied last, because they need all other functions.
const LAST_FUNCTIONS: [&str; 3] = [
    "functions/triggers",
    "functions/privileges",
    "functions/validation",
];

/// The migrations of one version.
pub struct Migrations {
    /// In the byte order of their names; never empty.
    dated: Vec<SqlFile>,
    /// In the order of application.
    functions: Vec<SqlFile>,
}

impl Migrations {
    /// The files that this program was built with.
    pub fn embedded() -> Result<Self, Error> {
        let prefix = format!("{FUNCTIONS}/");
        let (functions, dated): (Vec<_>, Vec<_>) = EMBEDDED
            .iter()
            .partition(|(name, _)| name.starts_with(&prefix));
        let dated = dated.iter().map(|(name, text)| SqlFile::new(*name, *text));
        let functions = functions
            .iter()
            .map(|(name, text)| SqlFile::without_transaction(*name, *text));
        Ok(Self::sorted(
            dated.collect::<Result<_, _>>()?,
            functions.collect::<Result<_, _>>()?,
        ))
    }

    /// The files of `folder` and of `folder/functions`. A folder without dated files is an error:
    /// a mistyped path must not look like a database that is up to date.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut dated = Vec::new();
        for (name, text) in sql_file::read_texts(folder)? {
            if name != PSQL_SCRIPT {
                dated.push(SqlFile::new(name, text)?);
            }
        }
        if dated.is_empty() {
            return Err(Error::NoFiles(folder.to_owned()));
        }
        let mut functions = Vec::new();
        let subfolder = folder.join(FUNCTIONS);
        if subfolder.is_dir() {
            for (name, text) in sql_file::read_texts(&subfolder)? {
                let name = format!("{FUNCTIONS}/{name}");
                functions.push(SqlFile::without_transaction(name, text)?);
            }
        }
        Ok(Self::sorted(dated, functions))
    }

    fn sorted(mut dated: Vec<SqlFile>, mut functions: Vec<SqlFile>) -> Self {
        dated.sort_by(|one, other| one.name().cmp(other.name()));
        functions.sort_by_cached_key(|file| {
            let last = LAST_FUNCTIONS.iter().position(|stem| *stem == file.stem());
            (last, file.name().to_owned())
        });
        Self { dated, functions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout() -> Migrations {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        Migrations::read(&folder).unwrap()
    }

    #[test]
    fn checkout_is_embedded() {
        let facts = |migrations: &Migrations| -> Vec<(String, String)> {
            let files = migrations.dated.iter().chain(&migrations.functions);
            files
                .map(|file| (file.name().to_owned(), file.checksum()))
                .collect()
        };
        let checkout = checkout();
        assert!(!checkout.dated.is_empty() && !checkout.functions.is_empty());
        assert_eq!(facts(&Migrations::embedded().unwrap()), facts(&checkout));
    }

    #[test]
    fn dependent_function_files_come_last() {
        let functions = checkout().functions;
        let stems: Vec<&str> = functions.iter().map(SqlFile::stem).collect();
        assert!(stems.ends_with(&LAST_FUNCTIONS));
        let others = &stems[..stems.len() - LAST_FUNCTIONS.len()];
        assert!(others.is_sorted());
    }
}
