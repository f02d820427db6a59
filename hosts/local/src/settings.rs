//! This host's own environment variables.

use crate::{error::Error, process_env};
use std::path::{Path, PathBuf};

const DEFAULT_PORT: u16 = 3000;

pub(crate) struct Settings {
    /// The checkout with the migrations, the seed, the public files and vercel.json.
    pub(crate) root: PathBuf,
    pub(crate) state_dir: PathBuf,
    /// The product's port. 0 takes a free one.
    pub(crate) port: u16,
    pub(crate) database: Option<String>,
    pub(crate) redis: Option<String>,
    pub(crate) runs_crons: bool,
    pub(crate) sends_webhooks: bool,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, Error> {
        let root =
            process_env::variable("EXODRIVE_ROOT").map_or_else(source_checkout, PathBuf::from);
        let root = root
            .canonicalize()
            .map_err(Error::io(format!("find the checkout {}", root.display())))?;
        Ok(Self {
            state_dir: process_env::variable("EXODRIVE_STATE_DIR")
                .map_or_else(|| root.join(".local"), PathBuf::from),
            root,
            port: port(process_env::variable("PORT").as_deref())?,
            database: process_env::variable("DATABASE_URL"),
            redis: process_env::variable("REDIS_URL"),
            runs_crons: switch("EXODRIVE_CRONS", process_env::variable)?,
            sends_webhooks: switch("EXODRIVE_WEBHOOKS", process_env::variable)?,
        })
    }
}

/// The checkout that this program was built from.
fn source_checkout() -> PathBuf {
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

/// Reads `on` or `off`. The default is on.
fn switch(variable: &'static str, lookup: impl Fn(&str) -> Option<String>) -> Result<bool, Error> {
    match lookup(variable).as_deref() {
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
    fn invalid_ports_and_switches_are_refused() {
        assert_eq!(port(None).unwrap(), 3000);
        assert_eq!(port(Some("0")).unwrap(), 0);
        for text in ["", "http", "65536", "-1", "80 "] {
            assert_eq!(port(Some(text)).unwrap_err().code(), "variable", "{text}");
        }
        let parsed = |text: &str| switch("EXODRIVE_CRONS", |_| Some(text.to_owned()));
        assert!(parsed("maybe").is_err());
        assert!(!parsed("off").unwrap());
        assert!(parsed("on").unwrap());
        assert!(switch("EXODRIVE_CRONS", |_| None).unwrap());
    }
}
