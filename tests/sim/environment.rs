//! The environment variables that the simulation reads.

pub(crate) fn variable(name: &str) -> String {
    optional(name).unwrap_or_else(|| {
        panic!("{name} is not set: run script/sim, which starts the database and Redis")
    })
}

/// An empty variable counts as missing.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is a host: it reads its own environment"
)]
pub(crate) fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
