//! The folder that keeps the local system's data, logs, generated secrets and ports between starts.

use crate::{error::Error, hex, private_files};
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

const PORTS: &str = "ports.json";
const SECRETS: &str = "secrets.json";

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
                return Err(Error::io(format!("lock {}", lock_path.display()))(errno));
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
    pub(crate) fn log_file(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// The file with the process id and start time of the child `name`.
    pub(crate) fn process_file(&self, name: &str) -> PathBuf {
        self.path.join("run").join(name)
    }

    /// The variables of a running system, for scripts. The file exists while the system answers.
    pub(crate) fn environment_file(&self) -> PathBuf {
        self.path.join("environment")
    }

    /// The file with the local clock's offset.
    pub(crate) fn clock_file(&self) -> PathBuf {
        self.path.join("clock")
    }

    /// The state of the simulated PayPal.
    pub(crate) fn paypal_file(&self) -> PathBuf {
        self.path.join("paypal.json")
    }

    /// The secret `name`. It is generated once and stays the same for all later starts.
    pub(crate) fn secret(&self, name: &str) -> Result<String, Error> {
        let mut secrets: BTreeMap<String, String> = self.read(SECRETS)?;
        if let Some(secret) = secrets.get(name) {
            return Ok(secret.clone());
        }
        let secret = random_token()?;
        secrets.insert(name.to_owned(), secret.clone());
        self.write(SECRETS, &secrets)?;
        Ok(secret)
    }

    /// The port that an earlier start saved as `name`.
    pub(crate) fn port(&self, name: &str) -> Result<Option<u16>, Error> {
        let ports: BTreeMap<String, u16> = self.read(PORTS)?;
        Ok(ports.get(name).copied())
    }

    /// Saves `port` as `name` for the next start.
    pub(crate) fn save_port(&self, name: &str, port: u16) -> Result<(), Error> {
        let mut ports: BTreeMap<String, u16> = self.read(PORTS)?;
        ports.insert(name.to_owned(), port);
        self.write(PORTS, &ports)
    }

    fn read<T: serde::de::DeserializeOwned + Default>(&self, file: &str) -> Result<T, Error> {
        let path = self.path.join(file);
        let step = format!("read {}", path.display());
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(Error::io(step)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(Error::io(step)(error)),
        }
    }

    fn write<V: serde::Serialize>(
        &self,
        file: &str,
        values: &BTreeMap<String, V>,
    ) -> Result<(), Error> {
        let text =
            serde_json::to_string_pretty(values).map_err(Error::io(format!("write {file}")))?;
        private_files::write(&self.path.join(file), &text)
    }
}

/// 192 random bits in hexadecimal.
fn random_token() -> Result<String, Error> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(Error::Randomness)?;
    Ok(hex::encode(&bytes))
}
