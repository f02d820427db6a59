//! A private PostgreSQL cluster on the loopback interface.

use super::{
    PrivateServer, account::Account, identity, process::Launch, programs::PostgresPrograms,
    server_process::ServerProcess,
};
use crate::{console, error::Error, hex, ports, private_files, state_dir::StateDir};
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

const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Fast commits without a flush. A crash of the machine may lose the last commits, but not
/// consistency.
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

pub(crate) struct Postgres {
    programs: PostgresPrograms,
    account: Option<Account>,
    home: PathBuf,
    port: u16,
    password: String,
    process: ServerProcess,
}

impl Postgres {
    /// Finds the programs, the folder and the port. Starts nothing.
    pub(crate) async fn prepare(state: &Arc<StateDir>, fresh: bool) -> Result<Self, Error> {
        let account = Account::for_postgres()?;
        let home = home(state.path(), account.as_ref())?;
        if fresh {
            private_files::remove_folder(&home).await?;
        }
        Ok(Self {
            programs: programs_for(&home.join("data"))?,
            account,
            home,
            port: ports::choose(state, "postgres").await?,
            password: state.secret("postgres")?,
            process: ServerProcess::new(state, START_TIMEOUT, STOP_TIMEOUT),
        })
    }

    /// The address for a connection as the superuser.
    pub(crate) fn url(&self) -> String {
        self.url_as("postgres", &self.password)
    }

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
        // The final name appears only when the cluster is complete.
        let unfinished = self.home.join("unfinished");
        let password_file = self.home.join("password");
        private_files::remove_folder(&unfinished).await?;
        let failed = || Error::io(format!("make {}", self.home.display()));
        fs::create_dir_all(&self.home).map_err(failed())?;
        fs::set_permissions(&self.home, fs::Permissions::from_mode(0o700)).map_err(failed())?;
        private_files::write(&password_file, &self.password)?;
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
        private_files::remove_file(&password_file)?;
        fs::rename(&unfinished, self.data()).map_err(failed())
    }
}

impl PrivateServer for Postgres {
    /// Also creates a missing cluster.
    async fn start(&mut self) -> Result<(), Error> {
        if self.process.is_running() {
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
            // The "fast shutdown" ends sessions and keeps the data consistent.
            stop_signal: Signal::INT,
        };
        let url = self.url();
        self.process.start(launch, || answers(&url)).await
    }

    fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }
}

/// A folder in the state folder if PostgreSQL's user can enter it. Otherwise a folder in `/var/tmp`
/// with a name derived from the state folder.
fn home(state: &Path, account: Option<&Account>) -> Result<PathBuf, Error> {
    match account {
        Some(account) if !account.can_enter(state) => {
            let digest = Sha256::digest(state.as_os_str().as_bytes());
            let name = hex::encode(digest.get(..8).unwrap_or(&digest));
            let home = PathBuf::from(format!("/var/tmp/exodrive-{name}"));
            check_owner(account, &home)?;
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

/// Refuses a folder of another user, because any user can create this name in `/var/tmp`.
fn check_owner(account: &Account, home: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(home) {
        Ok(metadata) if metadata.is_dir() && metadata.uid() == account.uid => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => {
            let step = format!(
                "use {}: it is not a folder of the user {}, so remove it",
                home.display(),
                account.name
            );
            Err(Error::io(step)(io::ErrorKind::PermissionDenied))
        }
    }
}

/// The programs of the version that wrote `data`, because no other version reads it.
fn programs_for(data: &Path) -> Result<PostgresPrograms, Error> {
    let written_by = fs::read_to_string(data.join("PG_VERSION")).ok();
    let major = written_by
        .as_ref()
        .and_then(|version| version.trim().parse().ok());
    PostgresPrograms::choose(major)?.ok_or_else(|| Error::DataVersion {
        directory: data.to_owned(),
        version: written_by.unwrap_or_default().trim().to_owned(),
    })
}

/// PostgreSQL refuses to start if its pid file names a live process of the same user. After a
/// reboot that may be an unrelated process, after a crash a zombie.
fn remove_stale_pid_file(data: &Path) -> Result<(), Error> {
    let file = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&file) else {
        return Ok(());
    };
    let pid = text.lines().next().and_then(|pid| pid.trim().parse().ok());
    let is_alive = pid.is_some_and(|pid| identity::of(pid).is_some());
    // Without `/proc` the name is unknown. The file then stays, and PostgreSQL decides.
    let name = pid.and_then(|pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    let is_postgres = name.is_none_or(|name| name.trim() == "postgres");
    if is_alive && is_postgres {
        return Ok(());
    }
    private_files::remove_file(&file)
}

async fn answers(url: &str) -> Result<(), String> {
    let (_, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .map_err(|error| error.to_string())?;
    drop(connection);
    Ok(())
}
