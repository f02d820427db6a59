//! The PostgREST-compatible server `postrust` over the database.

use super::{process::Launch, programs, server_process::ServerProcess};
use crate::{error::Error, ports, process_env, state_dir::StateDir};
use rustix::process::Signal;
use std::{path::PathBuf, sync::Arc, time::Duration};

const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Postgrest {
    program: PathBuf,
    port: u16,
    process: ServerProcess,
}

impl Postgrest {
    /// Finds the program and the port. Starts nothing.
    pub(crate) async fn prepare(state: &Arc<StateDir>) -> Result<Self, Error> {
        Ok(Self {
            program: program().ok_or(Error::ProgramMissing {
                program: "postrust",
                hint: "script/bootstrap installs it",
            })?,
            port: ports::choose(state, "postgrest").await?,
            process: ServerProcess::new(state, START_TIMEOUT, STOP_TIMEOUT),
        })
    }

    /// Starts the server over `database` and waits until it answers. It trusts tokens signed with
    /// `jwt_secret`.
    pub(crate) async fn start(
        &mut self,
        database: String,
        jwt_secret: String,
    ) -> Result<(), Error> {
        let launch = Launch {
            name: "postgrest",
            program: self.program.clone(),
            arguments: Vec::new(),
            variables: vec![
                ("DATABASE_URL", database),
                ("PGRST_JWT_SECRET", jwt_secret),
                ("PGRST_DB_SCHEMAS", "public".to_owned()),
                ("PGRST_DB_ANON_ROLE", "anon".to_owned()),
                // More connections than a burst of bookings needs. A wait for one means that the
                // database is down, so the timeout is short.
                ("PGRST_DB_POOL_SIZE", "80".to_owned()),
                ("PGRST_DB_POOL_TIMEOUT", "2".to_owned()),
                ("PGRST_COMPAT_MODE", "true".to_owned()),
                ("PGRST_SERVER_HOST", "127.0.0.1".to_owned()),
                ("PGRST_SERVER_PORT", self.port.to_string()),
                ("PGRST_LOG_LEVEL", "warn".to_owned()),
            ],
            account: None,
            stop_signal: Signal::TERM,
        };
        let port = self.port;
        // The server listens only after it has connected to the database and loaded the schema.
        let listens = || async move {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .map(drop)
                .map_err(|error| error.to_string())
        };
        self.process.start(launch, listens).await
    }

    pub(crate) fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn program() -> Option<PathBuf> {
    let tools = process_env::variable("EXODRIVE_TOOLS")
        .map(PathBuf::from)
        .or_else(|| {
            let home = process_env::variable("HOME")?;
            Some(PathBuf::from(home).join(".cache/exodrive/tools"))
        });
    tools
        .map(|tools| tools.join("bin/postrust"))
        .filter(|program| program.is_file())
        .or_else(|| programs::find("postrust"))
}
