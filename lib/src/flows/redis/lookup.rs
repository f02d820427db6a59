//! The lookup of one cached response in Redis.

use super::lease::new_lease;
use crate::{
    app::App,
    clients::upstash::{
        AdmitReply, AdmitRequest, AdmitStep, Command, Lease, RedisError, StoredEntry, Upstash,
    },
    instance::{
        cache_key::CacheKey,
        envelope::{Entity, Envelope},
        single_flight::SequenceNumber,
    },
    platform::Platform,
};
use bytes::Bytes;

/// The time after which another request may load a cold key.
const LEADER_MILLIS: u64 = 5_000;

/// One request's lookup of a cache key.
#[derive(Clone, Debug)]
pub(crate) struct CacheLookup {
    pub(in crate::flows) key: CacheKey,
    /// The keys of the envelope, its epoch and its generation.
    names: [String; 3],
    /// The leader's lease: its owner loads the key when it is cold.
    pub(in crate::flows) leader: Lease,
    /// The body that Redis need not send.
    pub(in crate::flows) known: Option<Entity>,
    pub(in crate::flows) arrived: SequenceNumber,
    /// Milliseconds since the Unix epoch. The result is at least as new.
    pub(in crate::flows) began: i64,
}

/// A lookup's result.
#[derive(Debug)]
pub(crate) struct CacheEntry {
    pub(in crate::flows) envelope: Option<Envelope>,
    /// Epoch and generation in one word, as in envelopes.
    pub(in crate::flows) generation: String,
    /// Whether this request is the leader.
    pub(in crate::flows) is_leader: bool,
}

impl CacheLookup {
    /// A lookup of `key` that begins now.
    #[must_use]
    pub(crate) fn new(app: &App, key: CacheKey) -> Self {
        Self {
            leader: new_lease(
                app.platform(),
                format!("load:{}", key.name()),
                LEADER_MILLIS,
            ),
            names: key.names_to_read(),
            known: app.body_cache().get(key.name()),
            arrived: app.single_flight().next_number(),
            began: now(app.platform()),
            key,
        }
    }

    #[must_use]
    pub(crate) fn key(&self) -> &CacheKey {
        &self.key
    }

    /// The lookup as the step of an admission.
    pub(in crate::flows) fn step(&self) -> AdmitStep<'_> {
        AdmitStep::Lookup {
            lease: &self.leader,
            keys: &self.names,
            now: self.began,
            known_etag: self.known.as_ref().map_or("", |known| &known.etag),
        }
    }

    /// Reads what Redis stores. A damaged envelope counts as none.
    pub(in crate::flows) fn decode(&self, is_leader: bool, stored: StoredEntry) -> CacheEntry {
        let mut envelope = stored.envelope.and_then(Envelope::decode);
        if let (Some(envelope), Some(known)) = (&mut envelope, &self.known)
            && envelope.entity.etag == known.etag
        {
            envelope.entity = known.clone();
        }
        CacheEntry {
            envelope,
            generation: stored.generation,
            is_leader,
        }
    }

    /// The envelope of a body that was loaded for this lookup.
    pub(in crate::flows) fn envelope(&self, generation: String, body: Option<Bytes>) -> Envelope {
        self.key.envelope(self.began, generation, body)
    }

    /// The command that stores `envelope`, if there is one.
    pub(in crate::flows) fn store(&self, envelope: Option<&Envelope>) -> Vec<Command> {
        let command = envelope.and_then(|envelope| self.key.store(envelope));
        command.into_iter().collect()
    }
}

/// Looks up without counting a request.
pub(in crate::flows) async fn look_up(
    redis: &Upstash<'_>,
    lookup: &CacheLookup,
) -> Result<CacheEntry, RedisError> {
    let request = AdmitRequest {
        counters: None,
        step: lookup.step(),
    };
    match redis.admit(&request).await? {
        AdmitReply::Admitted {
            has_lease,
            entry: Some(stored),
            ..
        } => Ok(lookup.decode(has_lease, stored)),
        AdmitReply::Admitted { entry: None, .. } | AdmitReply::Denied(_) => {
            Err(RedisError::Undecodable)
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(in crate::flows) fn now(platform: &dyn Platform) -> i64 {
    platform.now().as_millisecond()
}
