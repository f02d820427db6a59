//! The local system as a program; all of it is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    exodrive_local::run(std::env::args().skip(1)).await
}
