//! What the tests are told, and chance.

use uuid::Uuid;

/// A variable of the environment; the test fails when it is missing.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is a host: it reads its own environment"
)]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run script/test, which starts a system and says where it is")
    })
}

/// A variable that has a usual value.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is a host: it reads its own environment"
)]
pub(crate) fn variable_or(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
}

/// Where the product is, without a slash at the end.
pub(crate) fn base_url() -> String {
    variable("BASE_URL").trim_end_matches('/').to_owned()
}

/// Where `/_local/*` is, without a slash at the end.
pub(crate) fn local_url() -> String {
    variable("LOCAL_URL").trim_end_matches('/').to_owned()
}

/// A UUID that nobody has.
#[expect(
    clippy::disallowed_methods,
    reason = "tests need chance: the suite runs again on the same data"
)]
pub(crate) fn new_uuid() -> Uuid {
    Uuid::new_v4()
}

/// A number from 0 to `below - 1`.
pub(crate) fn random_below(below: usize) -> usize {
    let bytes: [u8; 4] = new_uuid().as_bytes()[..4].try_into().unwrap();
    usize::try_from(u32::from_be_bytes(bytes)).unwrap() % below
}
