//! What is asked of Redis about one answer, and what it says.

use super::{
    Slot,
    envelope::{Entity, Envelope},
    loads::Moment,
};
use crate::{
    app::App,
    clients::upstash::{Command, RedisError, Upstash, Value},
    flows::{
        lease::Lease,
        step::{Wanted, step},
    },
};
use bytes::Bytes;

/// How long the one who loads may take before somebody else does.
const LEAD_MILLIS: u64 = 5_000;

/// What a reader wants of the cache, named so that it can be asked for and understood.
#[derive(Clone, Debug)]
pub struct Reading {
    pub(super) slot: Slot,
    pub(super) lead: Lease,
    /// The body that need not be sent.
    pub(super) held: Option<Entity>,
    /// Its place among the others on this instance.
    pub(super) came: Moment,
    /// Since when what is read or loaded is what there was, in milliseconds since the Unix epoch.
    pub(super) began: i64,
}

/// What Redis said.
#[derive(Debug)]
pub struct Found {
    pub(super) envelope: Option<Envelope>,
    /// Epoch and generation in one word, as envelopes name them.
    pub(super) generation: String,
    /// This reader is the one who loads.
    pub(super) leads: bool,
}

impl Reading {
    /// Asks for what `slot` holds at this moment.
    #[must_use]
    pub fn of(app: &App, slot: Slot) -> Self {
        Self {
            lead: Lease::new(app, format!("load:{}", slot.key), LEAD_MILLIS),
            held: app.held_bodies().find(&slot.key),
            came: app.loads().moment(),
            began: now(app),
            slot,
        }
    }

    /// What is read.
    #[must_use]
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Envelope, epoch and generation.
    pub(in crate::flows) fn keys(&self) -> [String; 3] {
        [
            self.slot.key.clone(),
            self.slot.kind.epoch_key(),
            self.slot.subject.generation_key(),
        ]
    }

    /// The right to load it.
    pub(in crate::flows) fn lead(&self) -> &Lease {
        &self.lead
    }

    /// When, in milliseconds since the Unix epoch.
    pub(in crate::flows) fn began(&self) -> i64 {
        self.began
    }

    /// The validator of the body that need not be sent; empty without one.
    pub(in crate::flows) fn held_validator(&self) -> String {
        self.held
            .as_ref()
            .map_or_else(String::new, |held| held.etag.clone())
    }

    /// What was found, from the last parts of the step's answer.
    pub(in crate::flows) fn understand(
        &self,
        leads: bool,
        mut parts: impl Iterator<Item = Value>,
    ) -> Result<Found, RedisError> {
        let mut next = || parts.next().ok_or(RedisError::Undecodable);
        let mut envelope = next()?.into_text().and_then(Envelope::read);
        if let (Some(envelope), Some(held)) = (&mut envelope, &self.held)
            && envelope.entity.etag == held.etag
        {
            envelope.entity = held.clone();
        }
        let generation = next()?.into_text().ok_or(RedisError::Undecodable)?;
        Ok(Found {
            envelope,
            generation,
            leads,
        })
    }

    /// The envelope of what was loaded for it.
    pub(super) fn envelope(&self, generation: String, body: Option<Bytes>) -> Envelope {
        self.slot.envelope(self.began, generation, body)
    }

    /// The command that stores `envelope`, if it is one.
    pub(super) fn storing(&self, envelope: Option<&Envelope>) -> Vec<Command> {
        let storing = envelope.and_then(|envelope| self.slot.storing(envelope));
        storing.into_iter().collect()
    }
}

/// Reads again, counting nobody.
pub(super) async fn look(redis: &Upstash<'_>, reading: &Reading) -> Result<Found, RedisError> {
    let stepped = step(redis, None, Wanted::Answer(reading)).await?;
    stepped.found.ok_or(RedisError::Undecodable)
}

pub(super) fn now(app: &App) -> i64 {
    app.platform().now().as_millisecond()
}
