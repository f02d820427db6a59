//! Which files a database lacks: a decision without I/O.

use super::{Migrations, SqlFile};
use crate::error::Error;
use std::{collections::BTreeMap, fmt};

/// What a database lists: the stem of each migration, and the checksum of the text that was applied, when it is known.
pub(super) type Listed = BTreeMap<String, Option<String>>;

/// Why a file is to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The database does not list it.
    New,
    /// The text that was applied is another one.
    Changed,
    /// It was applied with `psql`, or together with others and not to the end: its text is not known.
    Unknown,
    /// It stands after one that is to be applied.
    Follows,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::New => "new",
            Self::Changed => "its text changed",
            Self::Unknown => "which text was applied is not known",
            Self::Follows => "follows one that is applied",
        })
    }
}

/// One file, and why it is to be applied; `None`: the database has it.
pub(crate) struct Step<'a> {
    pub(crate) file: &'a SqlFile,
    pub(crate) reason: Option<Reason>,
}

impl Migrations {
    /// Every file with what is to be done about it.
    ///
    /// From the first file on that the database lacks, all are applied: what a file grants, drops or replaces was written
    /// for the state that the files before it leave.
    pub(super) fn plan(&self, listed: &Listed) -> Result<Vec<Step<'_>>, Error> {
        self.must_not_be_older(listed)?;
        let mut follows = false;
        let mut steps = Vec::new();
        for file in &self.0 {
            let reason = match listed.get(file.stem()) {
                None => Some(Reason::New),
                Some(None) => Some(Reason::Unknown),
                Some(Some(checksum)) if *checksum != file.checksum() => Some(Reason::Changed),
                Some(Some(_)) if follows => Some(Reason::Follows),
                Some(Some(_)) => None,
            };
            follows |= reason.is_some();
            steps.push(Step { file, reason });
        }
        Ok(steps)
    }

    /// Old functions over new tables are nobody's wish.
    fn must_not_be_older(&self, listed: &Listed) -> Result<(), Error> {
        let newest_here = self.0.iter().map(SqlFile::stem).max().unwrap_or_default();
        match listed.last_key_value() {
            Some((version, _)) if version.as_str() > newest_here => Err(Error::NewerDatabase {
                version: version.clone(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrations(names: &[&str]) -> Migrations {
        let file = |name: &&str| SqlFile::new(format!("{name}.sql"), "BEGIN;COMMIT;").unwrap();
        Migrations(names.iter().map(file).collect())
    }

    /// `+`: listed with the text that is here, `~`: with another one, `?`: with none.
    fn reasons(names: &[&str], listed: &[&str]) -> Vec<Option<Reason>> {
        let migrations = migrations(names);
        let current = migrations.0.first().unwrap().checksum();
        let listed = listed
            .iter()
            .map(|entry| {
                let (kind, name) = entry.split_at(1);
                let checksum = match kind {
                    "+" => Some(current.clone()),
                    "~" => Some("0".repeat(64)),
                    _ => None,
                };
                (name.to_owned(), checksum)
            })
            .collect();
        let steps = migrations.plan(&listed).unwrap();
        steps.iter().map(|step| step.reason).collect()
    }

    #[test]
    fn everything_after_the_first_that_is_lacking_is_applied() {
        use Reason::{Changed, Follows, New, Unknown};
        let names = ["a", "b", "c", "d"];
        assert_eq!(reasons(&names, &[]), [Some(New); 4]);
        assert_eq!(reasons(&names, &["+a", "+b", "+c", "+d"]), [None; 4]);
        assert_eq!(
            reasons(&names, &["+a", "~b", "+c", "?d"]),
            [None, Some(Changed), Some(Follows), Some(Unknown)]
        );
        assert_eq!(
            reasons(&names, &["+a", "+c", "~d"]),
            [None, Some(New), Some(Follows), Some(Changed)]
        );
        assert_eq!(
            reasons(&names, &["?a", "?b", "?c", "?d"]),
            [Some(Unknown); 4]
        );
    }

    #[test]
    fn a_database_that_is_ahead_is_left_alone() {
        let listed = Listed::from([("a".to_owned(), None), ("c".to_owned(), None)]);
        let refused = migrations(&["a", "b"]).plan(&listed).err().unwrap();
        assert!(matches!(refused, Error::NewerDatabase { version } if version == "c"));
        // A file that was renamed or taken out is no sign of a newer version.
        assert_eq!(reasons(&["a", "c"], &["+a", "+b", "+c"]), [None; 2]);
    }
}
