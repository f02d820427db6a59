//! A key in Redis that one holds for a while: the lock of a car, the right to load an answer.
//!
//! Upstash replicates asynchronously, so two holders are possible. A lease spares work and decides nothing.

use crate::{
    app::App,
    clients::upstash::{Command, DELETE_IF_EQUAL},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// One key, and who wants it.
#[derive(Clone, Debug)]
pub struct Lease {
    pub(super) key: String,
    /// A name that nobody else has.
    pub(super) owner: String,
    pub(super) millis: u64,
}

impl Lease {
    pub(super) fn new(app: &App, key: String, millis: u64) -> Self {
        Self {
            key,
            owner: unique(app),
            millis,
        }
    }

    /// The command that takes it, if it is free.
    pub(super) fn take(&self) -> Command {
        Command::set_if_absent(self.key.clone(), self.owner.clone(), self.millis)
    }

    /// The command that gives it back, if it is still ours.
    pub(super) fn release(&self) -> Command {
        Command::run(&DELETE_IF_EQUAL, [self.key.clone()], [self.owner.clone()])
    }
}

/// A name that nobody else has: 128 bits.
pub(super) fn unique(app: &App) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&app.platform().random()[..16])
}
