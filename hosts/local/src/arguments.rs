//! Parses the command line of `script/server`.

use crate::error::Error;

pub(crate) const USAGE: &str = "\
Usage: script/server [--fresh] [--upstreams-only]

Runs ExoDrive on this machine: PostgreSQL, Redis, PostgREST, Upstash, PayPal, every route, the crons.

  --fresh           delete the data of earlier starts
  --upstreams-only  serve only the services that the product calls; print the environment for
                    another host
  --help            print this help

Environment, with defaults:
  PORT                        3000; 0 takes a free port
  EXODRIVE_STATE_DIR          .local
  EXODRIVE_TOOLS              ~/.cache/exodrive/tools
  DATABASE_URL, REDIS_URL     a private PostgreSQL and Redis
  EXODRIVE_CRONS              on; off runs no cron by itself
  EXODRIVE_WEBHOOKS           on; off sends no webhook by itself
  ADMIN_TOKEN, CRON_SECRET and the product's other variables are generated when missing.";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) fresh: bool,
    pub(crate) upstreams_only: bool,
    pub(crate) help: bool,
}

impl Arguments {
    /// Reads the words after the program's name. An unknown word is an error.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, Error> {
        let mut arguments = Self::default();
        for word in words {
            match word.as_str() {
                "--fresh" => arguments.fresh = true,
                "--upstreams-only" => arguments.upstreams_only = true,
                "--help" | "-h" => arguments.help = true,
                unknown => {
                    return Err(Error::Usage(format!(
                        "unknown argument {unknown:?}\n\n{USAGE}"
                    )));
                }
            }
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, Error> {
        Arguments::parse(words.iter().map(ToString::to_string))
    }

    #[test]
    fn flags_combine_in_any_order() {
        let both = parse(&["--upstreams-only", "--fresh"]).unwrap();
        assert!(both.fresh && both.upstreams_only && !both.help);
        assert_eq!(parse(&[]).unwrap(), Arguments::default());
    }

    #[test]
    fn unknown_word_is_usage_error() {
        for word in ["--fersh", "--fresh=yes", "now", ""] {
            let error = parse(&[word]).unwrap_err();
            assert_eq!((error.code(), error.exit_code()), ("usage", 2));
        }
    }
}
