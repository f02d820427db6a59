//! The command line.

use crate::error::Error;

/// What `--help` says.
pub(crate) const USAGE: &str = "\
Usage: script/server [--fresh] [--upstreams-only]

Runs ExoDrive on this machine: PostgreSQL, Redis, PostgREST, Upstash, PayPal, every route, the crons.

  --fresh           forgets the data of earlier starts
  --upstreams-only  serves only what the product calls, and prints the environment for another host
  --help            prints this

Read from the environment, made up when missing: PORT (3000; 0 takes a free one), ADMIN_TOKEN, CRON_SECRET and the
product's other variables; DATABASE_URL and REDIS_URL (instead of private ones); EXODRIVE_STATE_DIR (.local);
EXODRIVE_TOOLS (~/.cache/exodrive/tools); EXODRIVE_CRONS=off; EXODRIVE_WEBHOOKS=off.";

/// A command line, understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) fresh: bool,
    pub(crate) upstreams_only: bool,
    pub(crate) help: bool,
}

impl Arguments {
    /// Reads the words after the program's name; a word that means nothing is an error.
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
    fn an_unknown_word_is_a_usage_error() {
        for word in ["--fersh", "--fresh=yes", "now", ""] {
            let error = parse(&[word]).unwrap_err();
            assert_eq!((error.code(), error.exit_code()), ("usage", 2));
        }
    }
}
