//! Finds the installed programs.

use crate::{error::Error, process_env};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Older versions lack features that the migrations use.
const OLDEST_POSTGRES: u32 = 15;

/// The first program `name` on the search path.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&process_env::search_path())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// One installed PostgreSQL.
#[derive(Clone, Debug)]
pub(crate) struct PostgresPrograms {
    pub(crate) major: u32,
    pub(crate) postgres: PathBuf,
    pub(crate) initdb: PathBuf,
}

impl PostgresPrograms {
    /// The installed PostgreSQL of version `major`, or the newest one.
    pub(crate) fn choose(major: Option<u32>) -> Result<Option<Self>, Error> {
        let installed = installed();
        if installed.is_empty() {
            return Err(Error::ProgramMissing {
                program: "PostgreSQL 15 or newer",
                hint: "script/bootstrap installs it",
            });
        }
        Ok(installed
            .into_iter()
            .filter(|programs| major.is_none_or(|major| programs.major == major))
            .max_by_key(|programs| programs.major))
    }
}

fn installed() -> Vec<PostgresPrograms> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&process_env::search_path()).collect();
    for (parent, below) in [
        ("/usr/lib/postgresql", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path().join(below)));
    }
    folders
        .iter()
        .filter_map(|folder| programs_in(folder))
        .collect()
}

fn programs_in(folder: &Path) -> Option<PostgresPrograms> {
    let (postgres, initdb) = (folder.join("postgres"), folder.join("initdb"));
    if !postgres.is_file() || !initdb.is_file() {
        return None;
    }
    let output = std::process::Command::new(&postgres)
        .arg("--version")
        .output()
        .ok()?;
    let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
    (major >= OLDEST_POSTGRES).then_some(PostgresPrograms {
        major,
        postgres,
        initdb,
    })
}

/// 15 of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    let digits = version
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_parsed() {
        for (text, major) in [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres", None),
        ] {
            assert_eq!(major_version(text), major, "{text}");
        }
    }
}
