//! Keys of cached responses, and the data that each response depends on.
//!
//! Every response has a kind and a subject. Each kind has an epoch and each subject a generation,
//! both stored in Redis. A write gives its subjects new generations, so stored responses expire
//! without being searched for. A slow reader that stores data from before the write stores it under
//! the old generation.

use super::envelope::{Entity, Envelope};
use crate::{
    clients::{
        supabase::CarIdentity,
        upstash::{Command, GENERATION_SECONDS},
    },
    domain::{car::CarRef, secret::sha256_hex},
};
use bytes::Bytes;

/// Part of every key. A change of the envelope's format needs a new version, so that two
/// deployments can run together.
const FORMAT_VERSION: u32 = 2;
/// An envelope stays this long, to be served stale when the database is down.
const ENVELOPE_SECONDS: u64 = 3_600;
/// Freshness and lifetime of the fact that something does not exist.
const ABSENCE_SECONDS: u64 = 10;

/// The kind of a cached response. All responses of a kind can be cleared at once by a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheKind {
    /// A page of the list of cars.
    Cars,
    /// A car's page.
    Car,
    /// A car's availability.
    Availability,
}

impl CacheKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 3] = [Self::Cars, Self::Car, Self::Availability];

    fn name(self) -> &'static str {
        match self {
            Self::Cars => "cars",
            Self::Car => "car",
            Self::Availability => "availability",
        }
    }

    fn epoch_key(self) -> String {
        format!("epoch:{}", self.name())
    }
}

/// The data that a cached response depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The catalogue: all cars, without their bookings.
    Catalogue,
    /// The availability of all cars. Every booking changes it.
    Fleet,
    /// One car's entry in the catalogue.
    Car(CarRef),
    /// One car's availability. Every booking of this car changes it.
    Days(CarRef),
}

impl Subject {
    fn generation_key(&self) -> String {
        match self {
            Self::Catalogue => "generation:catalogue".to_owned(),
            Self::Fleet => "generation:fleet".to_owned(),
            Self::Car(car) => format!("generation:car:{car}"),
            Self::Days(car) => format!("generation:days:{car}"),
        }
    }

    /// The subjects that a booking of `car` changes. A car has two names, its id and its slug.
    #[must_use]
    pub(crate) fn changed_by_booking(car: &CarIdentity) -> Vec<Self> {
        references_to(car)
            .map(Self::Days)
            .chain([Self::Fleet])
            .collect()
    }

    /// The subjects that an edit of `car` changes, apart from the lists.
    pub(crate) fn changed_by_edit(car: &CarIdentity) -> impl Iterator<Item = Self> {
        references_to(car).flat_map(|car| [Self::Car(car.clone()), Self::Days(car)])
    }
}

fn references_to(car: &CarIdentity) -> impl Iterator<Item = CarRef> {
    [car.id.hyphenated().to_string(), car.slug.clone()]
        .into_iter()
        .filter_map(|name| CarRef::parse(&name).ok())
}

/// The key of one cached response, with its freshness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheKey {
    kind: CacheKind,
    name: String,
    subject: Subject,
    fresh_seconds: u64,
}

impl CacheKey {
    /// The key of the response that `canonical` describes.
    ///
    /// Equivalent queries must have the same canonical text. The text is hashed: a key is short and
    /// holds nothing that a client wrote.
    #[must_use]
    pub(crate) fn new(
        kind: CacheKind,
        canonical: &str,
        subject: Subject,
        fresh_seconds: u64,
    ) -> Self {
        let digest = sha256_hex(canonical);
        Self {
            kind,
            name: format!("cache:{FORMAT_VERSION}:{}:{}", kind.name(), &digest[..32]),
            subject,
            fresh_seconds,
        }
    }

    /// The name of the key in Redis.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The names in Redis of the envelope, its epoch and its generation.
    pub(crate) fn names_to_read(&self) -> [String; 3] {
        [
            self.name.clone(),
            self.kind.epoch_key(),
            self.subject.generation_key(),
        ]
    }

    /// Whether bookings leave the response unchanged. Only such a response may be kept by a cache
    /// that bookings do not reach, such as a CDN.
    #[must_use]
    pub(crate) fn outlives_bookings(&self) -> bool {
        match self.kind {
            CacheKind::Cars => self.subject == Subject::Catalogue,
            CacheKind::Car => true,
            CacheKind::Availability => false,
        }
    }

    /// The envelope of a body that was requested at `began`, while `generation` was current.
    /// Freshness counts from then.
    pub(crate) fn envelope(&self, began: i64, generation: String, body: Option<Bytes>) -> Envelope {
        let seconds = match body {
            Some(_) => self.fresh_seconds,
            None => ABSENCE_SECONDS,
        };
        Envelope {
            generation,
            stored: began,
            fresh_until: began.saturating_add(i64::try_from(seconds * 1000).unwrap_or(0)),
            entity: Entity::new(body),
        }
    }

    /// The command that stores `envelope`. `None` when its body is not text.
    pub(crate) fn store(&self, envelope: &Envelope) -> Option<Command> {
        let seconds = if envelope.entity.exists() {
            ENVELOPE_SECONDS
        } else {
            ABSENCE_SECONDS
        };
        Some(Command::set(self.name.clone(), envelope.encode()?, seconds))
    }
}

/// The commands that expire everything cached about `subjects`. `generation` must be unique.
#[must_use]
pub(crate) fn new_generations(subjects: &[Subject], generation: &str) -> Vec<Command> {
    let key = Subject::generation_key;
    set_keys(subjects.iter().map(key), generation)
}

/// The commands that expire everything cached of `kinds`. `epoch` must be unique.
#[must_use]
pub(crate) fn new_epochs(kinds: &[CacheKind], epoch: &str) -> Vec<Command> {
    set_keys(kinds.iter().map(|kind| kind.epoch_key()), epoch)
}

fn set_keys(keys: impl Iterator<Item = String>, value: &str) -> Vec<Command> {
    keys.map(|key| Command::set(key, value.to_owned(), GENERATION_SECONDS))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::START_MILLIS;

    /// A response can be served stale for an hour in all, absence for as long as it is fresh.
    #[test]
    fn response_stays_for_an_hour() {
        let key = CacheKey::new(CacheKind::Cars, "page=1", Subject::Catalogue, 60);
        for (body, fresh_millis, stored_seconds) in
            [(Some("{}".into()), 60_000, "3600"), (None, 10_000, "10")]
        {
            let envelope = key.envelope(START_MILLIS, "g".to_owned(), body);
            assert_eq!(envelope.stored, START_MILLIS);
            assert_eq!(envelope.fresh_until, START_MILLIS + fresh_millis);
            let command = serde_json::to_value(key.store(&envelope)).unwrap();
            assert_eq!(
                (&command[3], &command[4]),
                (&"EX".into(), &stored_seconds.into())
            );
        }
    }

    #[test]
    fn client_text_stays_out_of_keys() {
        let hostile = CacheKey::new(
            CacheKind::Cars,
            "search=\r\nFLUSHALL",
            Subject::Catalogue,
            60,
        );
        assert_eq!(hostile.name.len(), "cache:2:cars:".len() + 32);
        assert!(!hostile.name.contains("FLUSH"));
        let plain = CacheKey::new(CacheKind::Cars, "search=", Subject::Catalogue, 60);
        assert_ne!(hostile.name, plain.name);
    }
}
