//! Load for `script/bench`: sends requests to running processes and prints the figures.
//!
//! Usage: `load NAME TARGET…`. NAME is one of the loads below. A TARGET is one of:
//!
//! - `cars=4001,4002`, the ports of the function `cars`
//! - `product=3000`, a server of all routes
//! - `local=3001`, the control API
//! - `pid:redis=77`, a process for the report of processor time

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    reason = "a failed request ends the program, and the figures are its output"
)]

mod cold;
mod connection;
mod latency;
mod local;
mod targets;
mod throughput;
mod times;
mod visitors;
mod zipf;

use targets::Targets;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Cargo's own arguments begin with two dashes.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let Some(name) = words.next() else {
        return println!("load: run script/bench, which names a load");
    };
    let targets = Targets::read(words);
    match name.as_str() {
        "latency" => latency::measure(&targets).await,
        "cold" => cold::measure(&targets).await,
        "zipf" => zipf::measure(&targets).await,
        "throughput" => throughput::measure(&targets).await,
        other => panic!("there is no load {other:?}"),
    }
}
