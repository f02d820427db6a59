//! A private redis-server on the loopback interface. Its data survives restarts.

use super::{PrivateServer, process::Launch, programs, server_process::ServerProcess};
use crate::{error::Error, ports, private_files, state_dir::StateDir};
use rustix::process::Signal;
use std::{fs, path::PathBuf, sync::Arc, time::Duration};

const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) struct Redis {
    program: PathBuf,
    home: PathBuf,
    port: u16,
    process: ServerProcess,
}

impl Redis {
    /// Finds the program, the folder and the port. Starts nothing.
    pub(crate) async fn prepare(state: &Arc<StateDir>, fresh: bool) -> Result<Self, Error> {
        let home = state.path().join("redis");
        if fresh {
            private_files::remove_folder(&home).await?;
        }
        Ok(Self {
            program: programs::find("redis-server").ok_or(Error::ProgramMissing {
                program: "redis-server",
                hint: "script/bootstrap installs it",
            })?,
            home,
            port: ports::choose(state, "redis").await?,
            process: ServerProcess::new(state, START_TIMEOUT, STOP_TIMEOUT),
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl PrivateServer for Redis {
    async fn start(&mut self) -> Result<(), Error> {
        if self.process.is_running() {
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
        self.process.start(launch, || answers(&url)).await
    }

    fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
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
