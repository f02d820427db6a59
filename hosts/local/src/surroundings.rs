//! What this process is given by the machine: variables and randomness.

use crate::{error::Error, hex};
use std::ffi::OsString;

/// A variable of the process' environment; an empty one counts as unset.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this host that reads its environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

/// The folders in which programs are looked for.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this host that reads its environment"
)]
pub(crate) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// 192 bits that nobody can guess, in hexadecimal.
pub(crate) fn random_token() -> Result<String, Error> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(Error::Randomness)?;
    Ok(hex::encode(&bytes))
}
