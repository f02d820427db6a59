//! A private PostgreSQL cluster on the loopback interface.

use super::{
    account::Account,
    identity,
    process::{self, Launch, Process},
    programs::PostgresPrograms,
};
use crate::{console, error::Error, hex, ports, state_dir, state_dir::StateDir};
use rustix::process::Signal;
use sha2::{Digest as _, Sha256};
use std::{
    ffi::OsString,
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

const START_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Memory for speed, no flush at each commit: a crash of the machine may cost the last moments, never the consistency.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "synchronous_commit=off",
    "shared_buffers=128MB",
    "max_wal_size=1GB",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] ",
];

/// The cluster: its place, who runs it, and its process while it runs.
pub(crate) struct Postgres {
    state: Arc<StateDir>,
    programs: PostgresPrograms,
    account: Option<Account>,
    home: PathBuf,
    port: u16,
    password: String,
    process: Option<Process>,
}

impl Postgres {
    /// Finds the programs, the place and the port; starts nothing.
    pub(crate) async fn prepare(state: &Arc<StateDir>, fresh: bool) -> Result<Self, Error> {
        let account = Account::for_postgres()?;
        let home = home(state.path(), account.as_ref())?;
        if fresh {
            state_dir::remove_folder(&home).await?;
        }
        Ok(Self {
            programs: programs_for(&home.join("data"))?,
            account,
            home,
            port: ports::choose(state, "postgres").await?,
            password: state.secret("postgres")?,
            state: Arc::clone(state),
            process: None,
        })
    }

    /// Starts the cluster, making it first if there is none, and waits until it answers. Harmless while it runs.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        if process::runs(self.process.as_mut()) {
            return Ok(());
        }
        self.initialize().await?;
        let data = self.data();
        remove_stale_pid_file(&data)?;
        let mut arguments: Vec<OsString> = vec![
            "-D".into(),
            data.into(),
            "-p".into(),
            self.port.to_string().into(),
        ];
        for setting in SETTINGS {
            arguments.extend(["-c".into(), (*setting).into()]);
        }
        let launch = Launch {
            name: "postgres",
            program: self.programs.postgres.clone(),
            arguments,
            variables: Vec::new(),
            account: self.account.clone(),
            // "Fast shutdown": ends sessions, keeps the data in order.
            stop_signal: Signal::INT,
        };
        let url = self.url();
        let process = self.process.insert(launch.start(&self.state)?);
        process.ready(START_WITHIN, || answers(&url)).await
    }

    /// Stops the cluster and waits for it. Harmless while it is stopped.
    pub(crate) async fn stop(&mut self) -> Result<(), Error> {
        match self.process.take() {
            Some(process) => process.stop(STOP_WITHIN).await,
            None => Ok(()),
        }
    }

    pub(crate) fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// The owner's way in.
    pub(crate) fn url(&self) -> String {
        self.url_as("postgres", &self.password)
    }

    /// Another role's way in.
    pub(crate) fn url_as(&self, role: &str, password: &str) -> String {
        format!(
            "postgresql://{role}:{password}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    async fn initialize(&self) -> Result<(), Error> {
        if self.data().join("PG_VERSION").exists() {
            return Ok(());
        }
        // Made under another name, so that a start that was cut short leaves nothing that looks finished.
        let unfinished = self.home.join("unfinished");
        let password_file = self.home.join("password");
        state_dir::remove_folder(&unfinished).await?;
        let failed = || Error::io(format!("make {}", self.home.display()));
        fs::create_dir_all(&self.home).map_err(failed())?;
        fs::set_permissions(&self.home, fs::Permissions::from_mode(0o700)).map_err(failed())?;
        state_dir::write_private(&password_file, &self.password)?;
        if let Some(account) = &self.account {
            account.own(&self.home)?;
            account.own(&password_file)?;
        }
        let locale = if cfg!(target_os = "macos") {
            "en_US.UTF-8"
        } else {
            "C.UTF-8"
        };
        let mut arguments: Vec<OsString> = vec!["--pgdata".into(), unfinished.clone().into()];
        arguments.extend(["--pwfile".into(), password_file.clone().into()]);
        arguments.push(format!("--locale={locale}").into());
        arguments.extend(
            [
                "--username=postgres",
                "--encoding=UTF8",
                "--auth=scram-sha-256",
                "--no-sync",
                "--no-instructions",
            ]
            .map(OsString::from),
        );
        let launch = Launch {
            name: "initdb",
            program: self.programs.initdb.clone(),
            arguments,
            variables: Vec::new(),
            account: self.account.clone(),
            stop_signal: Signal::TERM,
        };
        launch.run().await?;
        state_dir::remove_file(&password_file)?;
        fs::rename(&unfinished, self.data()).map_err(failed())
    }
}

/// Under the state folder when PostgreSQL's user can get there, else in a place of the same name for the same folder.
fn home(state: &Path, account: Option<&Account>) -> Result<PathBuf, Error> {
    match account {
        Some(account) if !account.can_enter(state) => {
            let digest = Sha256::digest(state.as_os_str().as_bytes());
            let name = hex::encode(digest.get(..8).unwrap_or(&digest));
            let home = PathBuf::from(format!("/var/tmp/exodrive-{name}"));
            must_belong_to(account, &home)?;
            console::log(&format!(
                "the user {} cannot enter {}, so the database is kept in {}",
                account.name,
                state.display(),
                home.display()
            ));
            Ok(home)
        }
        _ => Ok(state.join("postgres")),
    }
}

/// In a folder that all may write to, somebody else may have been there first.
fn must_belong_to(account: &Account, home: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(home) {
        Ok(found) if found.is_dir() && found.uid() == account.uid => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(Error::Io {
            what: format!(
                "{} is not a folder of the user {}: remove it",
                home.display(),
                account.name
            ),
            source: io::ErrorKind::PermissionDenied.into(),
        }),
    }
}

/// Data is only read by the version that wrote it.
fn programs_for(data: &Path) -> Result<PostgresPrograms, Error> {
    let written_by = fs::read_to_string(data.join("PG_VERSION")).ok();
    let major = written_by
        .as_ref()
        .and_then(|version| version.trim().parse().ok());
    PostgresPrograms::choose(major)?.ok_or_else(|| Error::DataVersion {
        directory: data.to_owned(),
        found: written_by.unwrap_or_default().trim().to_owned(),
    })
}

/// PostgreSQL refuses to start when the number in its pid file is that of some process of the same user: after a reboot
/// that is mere chance, after a crash perhaps a dead one that nobody has reaped.
fn remove_stale_pid_file(data: &Path) -> Result<(), Error> {
    let file = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&file) else {
        return Ok(());
    };
    let pid = text.lines().next().and_then(|pid| pid.trim().parse().ok());
    let is_alive = pid.is_some_and(|pid| identity::of(pid).is_some());
    // Where processes have no folder, their names are left to PostgreSQL to find out.
    let name = pid.and_then(|pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    let is_postgres = name.is_none_or(|name| name.trim() == "postgres");
    if is_alive && is_postgres {
        return Ok(());
    }
    state_dir::remove_file(&file)
}

async fn answers(url: &str) -> Result<(), String> {
    let (_, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .map_err(|error| error.to_string())?;
    drop(connection);
    Ok(())
}
