//! A lease: a key in Redis with an owner and an end. The car's lock and the right to load a cold
//! key are leases.
//!
//! Upstash replicates asynchronously, so two owners at once are possible. A lease spares work and
//! decides nothing.

use super::{Command, DELETE_IF_EQUAL};

/// One lease and the owner who wants it.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) key: String,
    /// A unique name.
    pub(crate) owner: String,
    pub(crate) millis: u64,
}

impl Lease {
    /// The command that takes the lease if it is free.
    #[must_use]
    pub(crate) fn take(&self) -> Command {
        Command::set_if_absent(self.key.clone(), self.owner.clone(), self.millis)
    }

    /// The command that releases the lease if this owner has it.
    #[must_use]
    pub(crate) fn release(&self) -> Command {
        Command::run(&DELETE_IF_EQUAL, [self.key.clone()], [self.owner.clone()])
    }
}
