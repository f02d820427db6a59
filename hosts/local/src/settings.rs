//! What this host itself reads from its environment.

use crate::{error::Error, surroundings};
use std::path::{Path, PathBuf};

const DEFAULT_PORT: u16 = 3000;

/// The host's own settings.
pub(crate) struct Settings {
    /// The checkout whose migrations, seed, public files and vercel.json are used.
    pub(crate) root: PathBuf,
    pub(crate) state_dir: PathBuf,
    /// Where the product listens; 0 for a free port.
    pub(crate) port: u16,
    pub(crate) database: Option<String>,
    pub(crate) redis: Option<String>,
    pub(crate) runs_crons: bool,
    pub(crate) sends_webhooks: bool,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, Error> {
        let root = surroundings::variable("EXODRIVE_ROOT").map_or_else(built_in, PathBuf::from);
        let root = root
            .canonicalize()
            .map_err(Error::io(format!("find the checkout {}", root.display())))?;
        Ok(Self {
            state_dir: surroundings::variable("EXODRIVE_STATE_DIR")
                .map_or_else(|| root.join(".local"), PathBuf::from),
            root,
            port: port(surroundings::variable("PORT").as_deref())?,
            database: surroundings::variable("DATABASE_URL"),
            redis: surroundings::variable("REDIS_URL"),
            runs_crons: switch("EXODRIVE_CRONS", surroundings::variable)?,
            sends_webhooks: switch("EXODRIVE_WEBHOOKS", surroundings::variable)?,
        })
    }
}

/// The checkout that this program was built from.
fn built_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn port(text: Option<&str>) -> Result<u16, Error> {
    text.map_or(Ok(DEFAULT_PORT), |text| {
        text.parse().map_err(|_| Error::Variable {
            variable: "PORT",
            problem: format!("{text:?} is not a port"),
        })
    })
}

/// On unless it is switched off.
fn switch(variable: &'static str, given: impl Fn(&str) -> Option<String>) -> Result<bool, Error> {
    match given(variable).as_deref() {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(Error::Variable {
            variable,
            problem: format!("{other:?} is neither on nor off"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_switches_are_read_strictly() {
        assert_eq!(port(None).unwrap(), 3000);
        assert_eq!(port(Some("0")).unwrap(), 0);
        for text in ["", "http", "65536", "-1", "80 "] {
            assert_eq!(port(Some(text)).unwrap_err().code(), "variable", "{text}");
        }
        let switched = |text: &str| switch("EXODRIVE_CRONS", |_| Some(text.to_owned()));
        assert!(switched("maybe").is_err());
        assert!(!switched("off").unwrap());
        assert!(switched("on").unwrap());
        assert!(switch("EXODRIVE_CRONS", |_| None).unwrap());
    }
}
