//! Load for `script/bench`: asks running processes as many clients at once would, and prints what came of it.
//!
//! `load NAME PLACE…`: NAME is one of the loads below, a PLACE is `cars=4001,4002` (the ports of the function `cars`), `product=3000`
//! (a server of all routes), `local=3001` (the control API) or `pid:redis=77` (a process whose processor time is shown).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    reason = "a measurement that cannot go on ends, and figures are for people"
)]

mod cold;
mod connection;
mod figures;
mod latency;
mod local;
mod places;
mod throughput;
mod visitors;
mod zipf;

use places::Places;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Cargo's own arguments begin with two dashes.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let Some(name) = words.next() else {
        return println!("load: script/bench says what to measure");
    };
    let places = Places::read(words);
    match name.as_str() {
        "latency" => latency::measure(&places).await,
        "cold" => cold::measure(&places).await,
        "zipf" => zipf::measure(&places).await,
        "throughput" => throughput::measure(&places).await,
        other => panic!("there is no load {other:?}"),
    }
}
