//! The process of a private server, which can be stopped and started again.

use super::process::{Launch, Process};
use crate::{error::Error, state_dir::StateDir};
use std::{sync::Arc, time::Duration};

pub(super) struct ServerProcess {
    state: Arc<StateDir>,
    start_timeout: Duration,
    stop_timeout: Duration,
    /// `None` while the server is stopped.
    process: Option<Process>,
}

impl ServerProcess {
    pub(super) fn new(
        state: &Arc<StateDir>,
        start_timeout: Duration,
        stop_timeout: Duration,
    ) -> Self {
        Self {
            state: Arc::clone(state),
            start_timeout,
            stop_timeout,
            process: None,
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| process.exit_status().is_none())
    }

    /// Starts the server and waits until `probe` succeeds.
    pub(super) async fn start<P, F>(&mut self, launch: Launch, probe: P) -> Result<(), Error>
    where
        P: Fn() -> F,
        F: Future<Output = Result<(), String>>,
    {
        self.process
            .insert(launch.start(&self.state)?)
            .wait_until_ready(self.start_timeout, probe)
            .await
    }

    /// Stops the server and waits for it. Does nothing if it is stopped.
    pub(super) async fn stop(&mut self) -> Result<(), Error> {
        match self.process.take() {
            Some(process) => process.stop(self.stop_timeout).await,
            None => Ok(()),
        }
    }

    /// An error if the server ended without a call of [`Self::stop`].
    pub(super) fn unexpected_end(&mut self) -> Option<Error> {
        let process = self.process.as_mut()?;
        let end = process.exit_status()?;
        Some(process.failure(format!("ended by itself ({end})")))
    }
}
