//! The simulator's state, and the file that stores it.

use super::{
    behaviour::Rules,
    exchanges::{Exchange, Exchanges},
    ids::Ids,
    ledger::Ledger,
    oauth::{Credentials, Tokens},
};
use crate::console;
use exodrive_native::Clock;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// Each save writes the whole ledger, so it should not follow every change.
const SAVE_INTERVAL: Duration = Duration::from_millis(500);

/// The failure to load the ledger's file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    Unusable { path: PathBuf, source: io::Error },
    /// The file does not hold a ledger.
    #[error("{path} does not hold the simulator's orders: {source}")]
    Malformed {
        path: PathBuf,
        source: serde_json::Error,
    },
}

/// PayPal with one merchant. Clones share their state.
#[derive(Clone)]
pub struct Simulator {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) clock: Clock,
    pub(super) credentials: Credentials,
    /// Scheme, host and port of the router, without a slash at the end.
    pub(super) public_base: String,
    /// Empty for a simulator in memory.
    file: OnceLock<PathBuf>,
    has_unsaved_changes: AtomicBool,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) exchanges: Mutex<Exchanges>,
    pub(super) requests: AtomicU64,
    /// Locked after the ledger.
    pub(super) rules: Mutex<Rules>,
}

impl Simulator {
    /// A simulator in memory. Links begin with `public_base`, the address of [`Self::router`], such
    /// as `http://127.0.0.1:4003`.
    #[must_use]
    pub fn new(clock: Clock, credentials: Credentials, public_base: String) -> Self {
        Self::with_ids(
            clock,
            credentials,
            public_base,
            [Ids::random(), Ids::random(), Ids::random()],
        )
    }

    /// A simulator in memory. The same `seed` gives the same identifiers, tokens and chances.
    #[must_use]
    pub fn seeded(clock: Clock, credentials: Credentials, public_base: String, seed: u64) -> Self {
        Self::with_ids(
            clock,
            credentials,
            public_base,
            [0, 1, 2].map(|stream| Ids::seeded(seed, stream)),
        )
    }

    fn with_ids(
        clock: Clock,
        credentials: Credentials,
        mut public_base: String,
        [resources, tokens, draws]: [Ids; 3],
    ) -> Self {
        public_base.truncate(public_base.trim_end_matches('/').len());
        Self {
            inner: Arc::new(Inner {
                clock,
                credentials,
                public_base,
                file: OnceLock::new(),
                has_unsaved_changes: AtomicBool::new(false),
                ledger: Mutex::new(Ledger::new(resources)),
                tokens: Mutex::new(Tokens::new(tokens)),
                exchanges: Mutex::default(),
                requests: AtomicU64::new(0),
                rules: Mutex::new(Rules::new(draws)),
            }),
        }
    }

    /// A simulator that resumes with the ledger in `file`. A missing file is an empty ledger.
    /// Loading writes the file. After that, [`Self::keep_saving`] and [`Self::save`] write changes.
    /// Access tokens are not stored.
    ///
    /// # Errors
    /// The file cannot be read or written, or does not hold a ledger.
    pub fn load(
        clock: Clock,
        credentials: Credentials,
        public_base: String,
        file: &Path,
    ) -> Result<Self, LoadError> {
        let path = || file.to_path_buf();
        let simulator = Self::new(clock, credentials, public_base);
        match fs::read(file) {
            Ok(bytes) => {
                *lock(&simulator.inner.ledger) =
                    serde_json::from_slice(&bytes).map_err(|source| LoadError::Malformed {
                        path: path(),
                        source,
                    })?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(LoadError::Unusable {
                    path: path(),
                    source,
                });
            }
        }
        simulator.inner.file.get_or_init(path);
        simulator.inner.mark_changed();
        simulator.save().map_err(|source| LoadError::Unusable {
            path: path(),
            source,
        })?;
        Ok(simulator)
    }

    /// The last 5,000 exchanges of the API, oldest first, without credentials.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.inner.exchanges).to_vec()
    }

    /// The [`Self::exchanges`] with a `PayPal-Request-Id` that begins with `prefix`.
    #[must_use]
    pub(crate) fn exchanges_with_id_prefix(&self, prefix: &str) -> Vec<Exchange> {
        lock(&self.inner.exchanges).with_id_prefix(prefix)
    }

    /// The ledger in the format of its file.
    #[must_use]
    pub fn ledger(&self) -> serde_json::Value {
        serde_json::to_value(&*lock(&self.inner.ledger)).unwrap_or_default()
    }

    /// Number of API requests since the start, without visits to the approval page.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::Relaxed)
    }

    /// Writes unsaved changes to the file given to [`Self::load`]. The file is replaced as a whole.
    /// Does nothing for a simulator in memory.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn save(&self) -> io::Result<()> {
        let Some(file) = self.inner.file.get() else {
            return Ok(());
        };
        // The lock lasts until the file is written: an older state must not replace a newer one.
        let ledger = lock(&self.inner.ledger);
        if !self.inner.has_unsaved_changes.load(Ordering::Relaxed) {
            return Ok(());
        }
        let temporary = file.with_extension("tmp");
        fs::write(&temporary, serde_json::to_vec(&*ledger)?)?;
        fs::rename(&temporary, file)?;
        self.inner
            .has_unsaved_changes
            .store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Saves changes until the task is aborted.
    pub(crate) async fn keep_saving(self) {
        loop {
            sleep(SAVE_INTERVAL).await;
            if let Err(error) = self.save() {
                console::log(&format!("cannot save PayPal's orders: {error}"));
            }
        }
    }
}

impl Inner {
    /// Call it with the ledger's lock held, so that no save misses the change.
    pub(super) fn mark_changed(&self) {
        self.has_unsaved_changes.store(true, Ordering::Relaxed);
    }
}

/// Ignores poisoning: a panic is a fault of one request, and the others continue.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
