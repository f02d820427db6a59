//! One PayPal with one merchant: its state, and the file that keeps it.

use super::{
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

/// How often what changed is written: all of it each time, which takes longer the more there is.
const SAVE_EVERY: Duration = Duration::from_millis(500);

/// Why the orders of an earlier start cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} does not hold the simulator's orders: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// One PayPal with one merchant. Clones share everything.
#[derive(Clone)]
pub struct Simulator {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) clock: Clock,
    pub(super) credentials: Credentials,
    /// Scheme, host and port under which the router is reached, without a slash at the end.
    pub(super) public_base: String,
    /// Where the orders are kept, if anywhere.
    file: OnceLock<PathBuf>,
    /// Whether the ledger is no longer what the file holds.
    is_changed: AtomicBool,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) exchanges: Mutex<Exchanges>,
    pub(super) requests: AtomicU64,
}

impl Simulator {
    /// An empty PayPal that forgets everything with its last clone. `public_base` is the address of [`Self::router`], as
    /// `http://127.0.0.1:4003`; links begin with it.
    #[must_use]
    pub fn new(clock: Clock, credentials: Credentials, public_base: String) -> Self {
        Self::with_ids(
            clock,
            credentials,
            public_base,
            [Ids::random(), Ids::random()],
        )
    }

    /// The same, whose identifiers and tokens are those of every other one with this `seed`.
    #[must_use]
    pub fn seeded(clock: Clock, credentials: Credentials, public_base: String, seed: u64) -> Self {
        Self::with_ids(
            clock,
            credentials,
            public_base,
            [Ids::seeded(seed, 0), Ids::seeded(seed, 1)],
        )
    }

    fn with_ids(
        clock: Clock,
        credentials: Credentials,
        mut public_base: String,
        [resources, tokens]: [Ids; 2],
    ) -> Self {
        public_base.truncate(public_base.trim_end_matches('/').len());
        Self {
            inner: Arc::new(Inner {
                clock,
                credentials,
                public_base,
                file: OnceLock::new(),
                is_changed: AtomicBool::new(false),
                ledger: Mutex::new(Ledger::new(resources)),
                tokens: Mutex::new(Tokens::new(tokens)),
                exchanges: Mutex::default(),
                requests: AtomicU64::new(0),
            }),
        }
    }

    /// A PayPal that goes on with the orders in `file`, or begins without any where there is no such file, and writes the
    /// file now. [`Self::keep_saving`] and [`Self::save`] write what changes. Access tokens are not kept.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
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
        simulator.inner.changed();
        simulator.save().map_err(|source| LoadError::Unusable {
            path: path(),
            source,
        })?;
        Ok(simulator)
    }

    /// The last 5,000 exchanges of the API, oldest first, without the caller's credentials.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.inner.exchanges).all()
    }

    /// Those of [`Self::exchanges`] whose `PayPal-Request-Id` begins so.
    #[must_use]
    pub(crate) fn exchanges_under(&self, request_id: &str) -> Vec<Exchange> {
        lock(&self.inner.exchanges).under(request_id)
    }

    /// Everything that PayPal knows, as the file of [`Self::load`] holds it.
    #[must_use]
    pub fn ledger(&self) -> serde_json::Value {
        serde_json::to_value(&*lock(&self.inner.ledger)).unwrap_or_default()
    }

    /// How many requests the API had since the start; visits of the approval page are not counted.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::Relaxed)
    }

    /// Writes what changed to the file given to [`Self::load`], all or nothing; does nothing without one.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn save(&self) -> io::Result<()> {
        let Some(file) = self.inner.file.get() else {
            return Ok(());
        };
        // Held to the end, so that an older state never replaces a newer one.
        let ledger = lock(&self.inner.ledger);
        if !self.inner.is_changed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let unfinished = file.with_extension("tmp");
        fs::write(&unfinished, serde_json::to_vec(&*ledger)?)?;
        fs::rename(&unfinished, file)?;
        self.inner.is_changed.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Saves what changed, for ever.
    pub(crate) async fn keep_saving(self) {
        loop {
            sleep(SAVE_EVERY).await;
            if let Err(error) = self.save() {
                console::log(&format!("PayPal's orders are not written down: {error}"));
            }
        }
    }
}

impl Inner {
    /// The caller holds the ledger's lock.
    pub(super) fn changed(&self) {
        self.is_changed.store(true, Ordering::Relaxed);
    }
}

/// A panic while the lock was held is a bug of one request; the others go on with what it left.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
