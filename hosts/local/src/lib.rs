//! The whole system on one machine: PostgreSQL, Redis, PostgREST, Upstash, PayPal, every route, the
//! crons.
//!
//! [`run`] is the program. The two simulated services, [`paypal`] and [`upstash`], also work alone.

mod arguments;
mod console;
mod control;
mod crons;
mod environment;
mod error;
mod faults;
mod hex;
mod local_clock;
mod migrations;
pub mod paypal;
mod ports;
mod private_files;
mod process_env;
mod product;
mod public_files;
mod schedule;
mod serve;
mod settings;
mod stack;
mod state_dir;
mod supabase;
mod system;
pub mod upstash;
mod webhooks;
mod welcome;
mod wiring;

use arguments::Arguments;
use error::Error;
use settings::Settings;
use std::process::ExitCode;
use system::System;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs the system until a signal ends it. `words` is the command line without the program's name.
pub async fn run(words: impl IntoIterator<Item = String>) -> ExitCode {
    exodrive_native::log_to_stderr(log::LevelFilter::Info);
    match serve(words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn serve(words: impl IntoIterator<Item = String>) -> Result<(), Error> {
    let arguments = Arguments::parse(words)?;
    if arguments.help {
        console::print(arguments::USAGE);
        return Ok(());
    }
    let mut signals = Signals::listen()?;
    let mut system = System::open(Settings::read()?, arguments)?;
    let started = tokio::select! {
        started = system.start() => started.map(|()| true),
        () = signals.next() => Ok(false),
    };
    if let Ok(true) = started {
        signals.next().await;
    }
    console::log("stopping");
    let stopped = tokio::select! {
        stopped = system.stop() => stopped,
        // Dropping the system kills the children that are left.
        () = signals.next() => Err(Error::Interrupted),
    };
    started.and(stopped)
}

/// The signals that stop this program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::io("listen for signals"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
