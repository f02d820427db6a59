//! Checks the structure of the repository: layers, imports, generated files, and lists that must
//! agree.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a check that cannot run fails"
)]

mod documents;
mod imports;
mod layers;
mod limits;
mod migrations;
mod routes;
mod source;
mod test_imports;
