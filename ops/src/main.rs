//! `exo`, the operators' command line.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    exodrive_ops::run(std::env::args_os()).await
}
