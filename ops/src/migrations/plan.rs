//! Decides which files to apply to a database, without I/O.

use super::{Migrations, SqlFile, registry::Registry};
use crate::error::Error;
use std::fmt;

/// The reason to apply a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The database does not list the file.
    New,
    /// The database has another text of the file. Functions only.
    Changed,
    /// Somebody changed, added or dropped a function or trigger by hand. Functions only.
    Altered,
    /// A dated file or another file of functions is applied. Functions only.
    Follows,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::New => "new",
            Self::Changed => "its text changed",
            Self::Altered => "a function or trigger was changed by hand",
            Self::Follows => "all functions are applied together",
        })
    }
}

/// A file and the decision about it.
pub(crate) struct Step<'a> {
    pub(crate) file: &'a SqlFile,
    /// `None` if the database has the file.
    pub(crate) reason: Option<Reason>,
    /// Whether the text of a dated file changed after it was applied. It is not applied again.
    pub(crate) is_edited: bool,
}

impl Migrations {
    /// Every file, in the order of application.
    pub(super) fn plan(&self, registry: &Registry) -> Result<Vec<Step<'_>>, Error> {
        self.refuse_newer_database(registry)?;
        let mut steps = self.plan_dated(registry);
        let tables_change = steps.iter().any(|step| step.reason.is_some());
        steps.extend(self.plan_functions(registry, tables_change));
        Ok(steps)
    }

    /// A listed file counts as applied, whatever its checksum is.
    fn plan_dated(&self, registry: &Registry) -> Vec<Step<'_>> {
        self.dated
            .iter()
            .map(|file| match registry.dated.get(file.stem()) {
                None => Step {
                    file,
                    reason: Some(Reason::New),
                    is_edited: false,
                },
                Some(checksum) => Step {
                    file,
                    reason: None,
                    is_edited: registry.has_comparable_texts()
                        && checksum.as_ref().is_some_and(|it| *it != file.checksum()),
                },
            })
            .collect()
    }

    /// Applies all functions or none, so that those of a database come from one version. They also
    /// follow every dated file, because functions depend on tables.
    fn plan_functions(&self, registry: &Registry, tables_change: bool) -> Vec<Step<'_>> {
        let applied = &registry.functions;
        let reasons: Vec<Option<Reason>> = self
            .functions
            .iter()
            .map(|file| match applied.checksums.get(file.stem()) {
                None => Some(Reason::New),
                Some(checksum) if *checksum != file.checksum() => Some(Reason::Changed),
                Some(_) if applied.is_altered => Some(Reason::Altered),
                Some(_) => None,
            })
            .collect();
        let is_file_gone = applied.checksums.len() > self.functions.len();
        let are_due = tables_change || is_file_gone || reasons.iter().any(Option::is_some);
        let steps = self.functions.iter().zip(reasons);
        steps
            .map(|(file, reason)| Step {
                file,
                reason: reason.or(are_due.then_some(Reason::Follows)),
                is_edited: false,
            })
            .collect()
    }

    /// Refuses a database of a newer version, because its tables may not fit these functions.
    fn refuse_newer_database(&self, registry: &Registry) -> Result<(), Error> {
        let newest_here = self
            .dated
            .iter()
            .map(SqlFile::stem)
            .max()
            .unwrap_or_default();
        match registry.dated.last_key_value() {
            Some((stem, _)) if stem.as_str() > newest_here => {
                Err(Error::NewerDatabase { stem: stem.clone() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::registry::AppliedFunctions, *};

    /// Migrations with these names. All files of a kind have the same text.
    fn migrations(dated: &[&str], functions: &[&str]) -> Migrations {
        let dated = dated
            .iter()
            .map(|stem| SqlFile::new(format!("{stem}.sql"), "BEGIN;\nCOMMIT;\n").unwrap());
        let functions = functions
            .iter()
            .map(|stem| SqlFile::without_transaction(format!("{stem}.sql"), "SELECT 1;").unwrap());
        Migrations::sorted(dated.collect(), functions.collect())
    }

    /// Rows of a registry. `+` before a name stands for the current checksum, `~` for another one,
    /// and `?` for none.
    fn rows(entries: &[&str], current: &str) -> Vec<(String, Option<String>)> {
        let entry = |entry: &&str| {
            let (kind, name) = entry.split_at(1);
            let checksum = match kind {
                "+" => Some(current.to_owned()),
                "~" => Some("0".repeat(64)),
                _ => None,
            };
            (name.to_owned(), checksum)
        };
        entries.iter().map(entry).collect()
    }

    fn registry(migrations: &Migrations, dated: &[&str], functions: &[&str]) -> Registry {
        let current = |files: &[SqlFile]| files.first().unwrap().checksum();
        let functions = rows(functions, &current(&migrations.functions));
        Registry {
            dated: rows(dated, &current(&migrations.dated))
                .into_iter()
                .collect(),
            functions: AppliedFunctions {
                checksums: functions
                    .into_iter()
                    .map(|(stem, checksum)| (stem, checksum.unwrap()))
                    .collect(),
                is_altered: false,
            },
        }
    }

    fn reasons(migrations: &Migrations, registry: &Registry) -> Vec<Option<Reason>> {
        let steps = migrations.plan(registry).unwrap();
        steps.iter().map(|step| step.reason).collect()
    }

    #[test]
    fn listed_dated_file_is_not_reapplied() {
        let migrations = migrations(&["1", "2", "3"], &["f"]);
        let registry = registry(&migrations, &["+1", "~2", "?3"], &["+f"]);
        let steps = migrations.plan(&registry).unwrap();
        assert!(steps.iter().all(|step| step.reason.is_none()));
        let edited: Vec<_> = steps.iter().map(|step| step.is_edited).collect();
        assert_eq!(edited, [false, true, false, false]);
    }

    #[test]
    fn older_texts_are_not_compared() {
        let migrations = migrations(&["1", "2"], &["f"]);
        let registry = registry(&migrations, &["~1", "~2"], &[]);
        let steps = migrations.plan(&registry).unwrap();
        assert!(steps.iter().all(|step| !step.is_edited));
        assert_eq!(
            reasons(&migrations, &registry),
            [None, None, Some(Reason::New)]
        );
    }

    #[test]
    fn functions_are_applied_together() {
        use Reason::{Altered, Changed, Follows, New};
        let migrations = migrations(&["1", "2"], &["f", "g"]);
        for (dated, functions, expected) in [
            (&["+1", "+2"], &["+f", "+g"][..], [None; 4]),
            (&["+1", "+2"], &[], [None, None, Some(New), Some(New)]),
            (
                &["+1", "+2"],
                &["~f", "+g"],
                [None, None, Some(Changed), Some(Follows)],
            ),
            (
                &["+1", "+2"],
                &["+f", "+g", "+h"],
                [None, None, Some(Follows), Some(Follows)],
            ),
            (
                &["+1", "+0"],
                &["+f", "+g"],
                [None, Some(New), Some(Follows), Some(Follows)],
            ),
        ] {
            let registry = registry(&migrations, dated, functions);
            assert_eq!(reasons(&migrations, &registry), expected);
        }
        let mut altered = registry(&migrations, &["+1", "+2"], &["+f", "~g"]);
        altered.functions.is_altered = true;
        assert_eq!(
            reasons(&migrations, &altered),
            [None, None, Some(Altered), Some(Changed)]
        );
    }

    #[test]
    fn newer_database_is_refused() {
        let migrations = migrations(&["1", "2"], &["f"]);
        let newer = registry(&migrations, &["?1", "?3"], &["+f"]);
        let refused = migrations.plan(&newer).err().unwrap();
        assert!(matches!(refused, Error::NewerDatabase { stem } if stem == "3"));
        // A file that was renamed or removed since is no sign of a newer version.
        let older = registry(&migrations, &["+1", "+11", "+2"], &["+f"]);
        assert_eq!(reasons(&migrations, &older), [None; 3]);
    }
}
