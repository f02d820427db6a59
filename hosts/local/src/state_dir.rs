//! The folder that keeps the local system's data, logs, made-up secrets and ports between starts.

use crate::{error::Error, surroundings};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const LAST_WRITES_WITHIN: Duration = Duration::from_secs(5);

/// An open state folder; no second process opens it while this lives.
pub(crate) struct StateDir {
    path: PathBuf,
    _lock: fs::File,
}

impl StateDir {
    /// Opens `path`, making it first if need be, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if !path.is_dir() {
            fs::create_dir_all(path).map_err(Error::io(format!("make {}", path.display())))?;
            // Others may pass through, as PostgreSQL's own user must, but not look around.
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
                    what: format!("lock {}", lock_path.display()),
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

    /// Where the output of the child `name` goes.
    pub(crate) fn log_of(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// Where it is written down which process the child `name` is.
    pub(crate) fn record_of(&self, name: &str) -> PathBuf {
        self.path.join("run").join(name)
    }

    /// The file that tells scripts how to reach a running system.
    pub(crate) fn environment_file(&self) -> PathBuf {
        self.path.join("environment")
    }

    /// How far the local clock was moved.
    pub(crate) fn clock_file(&self) -> PathBuf {
        self.path.join("clock")
    }

    /// What the simulated PayPal remembers.
    pub(crate) fn paypal_file(&self) -> PathBuf {
        self.path.join("paypal.json")
    }

    /// The made-up value `name`: made once, the same ever after.
    pub(crate) fn secret(&self, name: &str) -> Result<String, Error> {
        self.remembered("secrets.json", name, surroundings::random_token)
    }

    /// The number remembered as `name`, when there is one.
    pub(crate) fn port(&self, name: &str) -> Result<Option<u16>, Error> {
        let ports: BTreeMap<String, u16> = self.read("ports.json")?;
        Ok(ports.get(name).copied())
    }

    /// Remembers `port` as `name` for the next start.
    pub(crate) fn remember_port(&self, name: &str, port: u16) -> Result<(), Error> {
        let mut ports: BTreeMap<String, u16> = self.read("ports.json")?;
        ports.insert(name.to_owned(), port);
        self.write("ports.json", &ports)
    }

    fn remembered(
        &self,
        file: &str,
        name: &str,
        make: impl FnOnce() -> Result<String, Error>,
    ) -> Result<String, Error> {
        let mut values: BTreeMap<String, String> = self.read(file)?;
        if let Some(value) = values.get(name) {
            return Ok(value.clone());
        }
        let value = make()?;
        values.insert(name.to_owned(), value.clone());
        self.write(file, &values)?;
        Ok(value)
    }

    fn read<T: serde::de::DeserializeOwned + Default>(&self, file: &str) -> Result<T, Error> {
        let path = self.path.join(file);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::Io {
                what: format!("read {}", path.display()),
                source: error.into(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(source) => Err(Error::Io {
                what: format!("read {}", path.display()),
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
            what: format!("write {file}"),
            source: error.into(),
        })?;
        write_private(&self.path.join(file), &text)
    }
}

/// Writes a file that only this user reads, whole or not at all.
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

/// Removes a file that need not be there.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::Io {
            what: format!("remove {}", path.display()),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Removes a folder that need not be there, with all that is in it; waits for a dying process that still writes there.
pub(crate) async fn remove_folder(path: &Path) -> Result<(), Error> {
    let deadline = Instant::now() + LAST_WRITES_WITHIN;
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
                    what: format!("remove {}", path.display()),
                    source,
                });
            }
        }
    }
}
