//! The files of `migrations/`: what they are, which of them a database lacks, and how they get there.
//!
//! Tables change in new files only, but each function is defined in one file, so a file whose text changed is applied
//! again, and so is everything after it; see `docs/adr/0006-migrations-that-changed-are-applied-again.md`.

mod apply;
mod plan;
mod registry;
mod sql_file;
mod statements;

pub use self::{apply::Event, plan::Reason, sql_file::SqlFile};

use crate::error::Error;
use std::path::Path;

/// Every file of this version, as the build found them.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// The files that make a database what this version needs, in the byte order of their names; never none.
pub struct Migrations(Vec<SqlFile>);

impl Migrations {
    /// The files that this program was built with.
    pub fn embedded() -> Result<Self, Error> {
        let mut files = EMBEDDED
            .iter()
            .map(|(name, text)| SqlFile::new(*name, *text))
            .collect::<Result<Vec<_>, Error>>()?;
        files.sort_by(|one, other| one.name().cmp(other.name()));
        Ok(Self(files))
    }

    /// The files of a folder. A folder without any is an error: a database is not up to date because somebody mistyped.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let files = SqlFile::read_folder(folder)?;
        if files.is_empty() {
            return Err(Error::NoFiles(folder.to_owned()));
        }
        Ok(Self(files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_checkout_are_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        let checkout = Migrations::read(&folder).unwrap();
        let embedded = Migrations::embedded().unwrap();
        let facts = |migrations: &Migrations| -> Vec<(String, String)> {
            let files = migrations.0.iter();
            files
                .map(|file| (file.name().to_owned(), file.checksum()))
                .collect()
        };
        assert!(!embedded.0.is_empty());
        assert_eq!(facts(&embedded), facts(&checkout));
    }
}
