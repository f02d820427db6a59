//! The program around [`exodrive_local::run`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    exodrive_local::run(std::env::args().skip(1)).await
}
