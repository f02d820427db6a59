//! The folder that keeps the local system's data, logs, generated secrets and ports between starts.

use crate::{error::Error, hex};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);

/// An open state folder. It is locked, so no second process can open it.
pub(crate) struct StateDir {
    path: PathBuf,
    _lock: fs::File,
}

impl StateDir {
    /// Opens and locks `path`. A missing folder is created.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if !path.is_dir() {
            fs::create_dir_all(path).map_err(Error::io(format!("make {}", path.display())))?;
            // Other users, PostgreSQL's among them, may pass through but not list the folder.
            fs::set_permissions(path, fs::Permissions::from_mode(0o711))
                .map_err(Error::io(format!("open {} to other users", path.display())))?;
        }
        let path = path
            .canonicalize()
            .map_err(Error::io(format!("find {}", path.display())))?;
        let lock_path = path.join("lock");
        let lock = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(Error::io(format!("open {}", lock_path.display())))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::StateDirLocked(path)),
            Err(errno) => {
                return Err(Error::Io {
                    step: format!("lock {}", lock_path.display()),
                    source: errno.into(),
                });
            }
        }
        for folder in ["logs", "run"] {
            let folder = path.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io(format!("make {}", folder.display())))?;
        }
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The output of the child `name`.
    pub(crate) fn log_of(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// The file with the process id and start time of the child `name`.
    pub(crate) fn record_of(&self, name: &str) -> PathBuf {
        self.path.join("run").join(name)
    }

    /// The variables of a running system, for scripts. The file exists while the system answers.
    pub(crate) fn environment_file(&self) -> PathBuf {
        self.path.join("environment")
    }

    /// The local clock's lead.
    pub(crate) fn clock_file(&self) -> PathBuf {
        self.path.join("clock")
    }

    /// The state of the simulated PayPal.
    pub(crate) fn paypal_file(&self) -> PathBuf {
        self.path.join("paypal.json")
    }

    /// The secret `name`. It is generated once and stays the same for all later starts.
    pub(crate) fn secret(&self, name: &str) -> Result<String, Error> {
        const FILE: &str = "secrets.json";
        let mut secrets: BTreeMap<String, String> = self.read(FILE)?;
        if let Some(secret) = secrets.get(name) {
            return Ok(secret.clone());
        }
        let secret = random_token()?;
        secrets.insert(name.to_owned(), secret.clone());
        self.write(FILE, &secrets)?;
        Ok(secret)
    }

    /// The port that an earlier start saved as `name`.
    pub(crate) fn port(&self, name: &str) -> Result<Option<u16>, Error> {
        let ports: BTreeMap<String, u16> = self.read("ports.json")?;
        Ok(ports.get(name).copied())
    }

    /// Saves `port` as `name` for the next start.
    pub(crate) fn save_port(&self, name: &str, port: u16) -> Result<(), Error> {
        let mut ports: BTreeMap<String, u16> = self.read("ports.json")?;
        ports.insert(name.to_owned(), port);
        self.write("ports.json", &ports)
    }

    fn read<T: serde::de::DeserializeOwned + Default>(&self, file: &str) -> Result<T, Error> {
        let path = self.path.join(file);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::Io {
                step: format!("read {}", path.display()),
                source: error.into(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(source) => Err(Error::Io {
                step: format!("read {}", path.display()),
                source,
            }),
        }
    }

    fn write<V: serde::Serialize>(
        &self,
        file: &str,
        values: &BTreeMap<String, V>,
    ) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(values).map_err(|error| Error::Io {
            step: format!("write {file}"),
            source: error.into(),
        })?;
        write_private(&self.path.join(file), &text)
    }
}

/// 192 random bits in hexadecimal.
fn random_token() -> Result<String, Error> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(Error::Randomness)?;
    Ok(hex::encode(&bytes))
}

/// Writes a file atomically. Only this user may read it.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let unfinished = path.with_extension("unfinished");
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&unfinished, path)
    };
    write().map_err(Error::io(format!("write {}", path.display())))
}

/// Removes a file. A missing file is no error.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::Io {
            step: format!("remove {}", path.display()),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Removes a folder and its content. A missing folder is no error.
///
/// Retries while a process that is ending still writes there.
pub(crate) async fn remove_folder(path: &Path) -> Result<(), Error> {
    let deadline = Instant::now() + REMOVAL_TIMEOUT;
    loop {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error)
                if error.kind() == io::ErrorKind::DirectoryNotEmpty
                    && Instant::now() < deadline =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            Err(source) => {
                return Err(Error::Io {
                    step: format!("remove {}", path.display()),
                    source,
                });
            }
        }
    }
}
