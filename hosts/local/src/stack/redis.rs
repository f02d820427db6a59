//! A private redis-server on the loopback interface. Its data survives restarts.

use super::{
    process::{self, Launch, Process},
    programs,
};
use crate::{error::Error, ports, state_dir, state_dir::StateDir};
use rustix::process::Signal;
use std::{fs, path::PathBuf, sync::Arc, time::Duration};

const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) struct Redis {
    state: Arc<StateDir>,
    program: PathBuf,
    home: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    /// Finds the program, the folder and the port. Starts nothing.
    pub(crate) async fn prepare(state: &Arc<StateDir>, fresh: bool) -> Result<Self, Error> {
        let home = state.path().join("redis");
        if fresh {
            state_dir::remove_folder(&home).await?;
        }
        Ok(Self {
            program: programs::find("redis-server").ok_or(Error::ProgramMissing {
                program: "redis-server",
                hint: "script/bootstrap installs it",
            })?,
            home,
            port: ports::choose(state, "redis").await?,
            state: Arc::clone(state),
            process: None,
        })
    }

    /// Starts the server and waits until it answers. Does nothing if it runs.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        if process::runs(self.process.as_mut()) {
            return Ok(());
        }
        fs::create_dir_all(&self.home)
            .map_err(Error::io(format!("make {}", self.home.display())))?;
        let port = self.port.to_string();
        let mut arguments = Vec::new();
        for (setting, value) in [
            ("--port", port.as_str()),
            ("--bind", "127.0.0.1"),
            ("--daemonize", "no"),
            ("--appendonly", "yes"),
            ("--save", ""),
        ] {
            arguments.extend([setting.into(), value.into()]);
        }
        arguments.extend(["--dir".into(), self.home.clone().into()]);
        let launch = Launch {
            name: "redis",
            program: self.program.clone(),
            arguments,
            variables: Vec::new(),
            account: None,
            stop_signal: Signal::TERM,
        };
        let url = self.url();
        let process = self.process.insert(launch.start(&self.state)?);
        process
            .wait_until_ready(START_TIMEOUT, || answers(&url))
            .await
    }

    /// Stops the server and waits for it. Does nothing if it is stopped.
    pub(crate) async fn stop(&mut self) -> Result<(), Error> {
        match self.process.take() {
            Some(process) => process.stop(STOP_TIMEOUT).await,
            None => Ok(()),
        }
    }

    pub(crate) fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

async fn answers(url: &str) -> Result<(), String> {
    let text = |error: redis::RedisError| error.to_string();
    let client = redis::Client::open(url).map_err(text)?;
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .map_err(text)?;
    let _: String = redis::cmd("PING")
        .query_async(&mut connection)
        .await
        .map_err(text)?;
    Ok(())
}
