//! Answers kept in Redis, and how a write makes them invalid.
//!
//! An answer is stored in an envelope that names the generation it was loaded under. A write gives the car (or the
//! fleet) a new generation: nothing is searched and deleted, and a slow reader that stores what it read before the
//! write stores it under a generation that is over.

mod envelope;
mod held;
mod loads;
mod read;
mod reading;
mod unheard;
mod warm;

pub use envelope::Entity;
pub use held::HeldBodies;
pub use loads::Loads;
pub use read::{Answered, Load, read_through};
pub use reading::{Found, Reading};
pub use unheard::{Unheard, invalidate};
pub use warm::{WarmError, warm};

use crate::{
    app::App,
    clients::{supabase::CarIdentity, upstash::Command},
    domain::{car::CarRef, secret::sha256_hex},
    flows::lease::unique,
};
use bytes::Bytes;
use envelope::Envelope;

/// Part of every key: another shape of an answer gets another number, so that two deployments can run side by side.
const SHAPE: u32 = 2;
/// How long an envelope is kept to be served when the database is down.
const KEPT_SECONDS: u64 = 3_600;
/// That there is no such thing is known for so long.
const ABSENT_SECONDS: u64 = 10;
/// How long an epoch or a generation is known. When it is not, nothing of an earlier one counts.
pub(super) const GENERATION_SECONDS: u64 = 24 * 3_600;

/// Kinds of answers. Each has an epoch, so that all answers of a kind can be given up at once without being searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pages of the list.
    Cars,
    /// A car.
    Car,
    /// A car's days.
    Availability,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Cars, Self::Car, Self::Availability];

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

/// What an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The cars as such.
    Catalogue,
    /// Which cars are free: every booking changes it.
    Fleet,
    /// One car as such: what a page about it says.
    Car(CarRef),
    /// One car's days: every booking of it changes them.
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
}

/// The place of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    kind: Kind,
    key: String,
    subject: Subject,
    fresh_seconds: u64,
}

impl Slot {
    /// The slot for the answer that `canonical` describes: the same text for the same answer, whatever the query looked
    /// like. It is hashed, so a key is short and holds nothing a client wrote.
    #[must_use]
    pub fn new(kind: Kind, canonical: &str, subject: Subject, fresh_seconds: u64) -> Self {
        let digest = sha256_hex(canonical);
        Self {
            kind,
            key: format!("cache:{SHAPE}:{}:{}", kind.name(), &digest[..32]),
            subject,
            fresh_seconds,
        }
    }

    /// Whether a booking leaves the answer as it is. Only then may somebody keep it whom nobody tells of bookings.
    #[must_use]
    pub fn outlives_bookings(&self) -> bool {
        match self.kind {
            Kind::Cars => self.subject == Subject::Catalogue,
            Kind::Car => true,
            Kind::Availability => false,
        }
    }

    /// The envelope of what was asked for at `began`, while `generation` was the current one: its freshness counts from then.
    fn envelope(&self, began: i64, generation: String, body: Option<Bytes>) -> Envelope {
        let seconds = match body {
            Some(_) => self.fresh_seconds,
            None => ABSENT_SECONDS,
        };
        Envelope {
            generation,
            stored: began,
            fresh_until: began.saturating_add(i64::try_from(seconds * 1000).unwrap_or(0)),
            entity: Entity::new(body),
        }
    }

    /// The command that stores it.
    fn storing(&self, envelope: &Envelope) -> Option<Command> {
        let kept = if envelope.entity.is_there() {
            KEPT_SECONDS
        } else {
            ABSENT_SECONDS
        };
        Some(Command::set(self.key.clone(), envelope.write()?, kept))
    }
}

/// The commands after which everything cached about `subjects` is a thing of the past.
#[must_use]
pub fn invalidation(app: &App, subjects: &[Subject]) -> Vec<Command> {
    let generation = unique(app);
    subjects
        .iter()
        .map(|subject| {
            Command::set(
                subject.generation_key(),
                generation.clone(),
                GENERATION_SECONDS,
            )
        })
        .collect()
}

/// The commands after which everything cached of `kinds` is a thing of the past.
#[must_use]
pub fn new_epochs(app: &App, kinds: &[Kind]) -> Vec<Command> {
    let epoch = unique(app);
    kinds
        .iter()
        .map(|kind| Command::set(kind.epoch_key(), epoch.clone(), GENERATION_SECONDS))
        .collect()
}

/// What changes when the days of `car` change: its days under both its names, and who is free.
#[must_use]
pub fn days_of(car: &CarIdentity) -> Vec<Subject> {
    let days = references_to(car).map(Subject::Days);
    days.chain([Subject::Fleet]).collect()
}

/// A car and its days, which a change of the car may change too, under both its names.
pub fn names_of(car: &CarIdentity) -> impl Iterator<Item = Subject> {
    references_to(car).flat_map(|name| [Subject::Car(name.clone()), Subject::Days(name)])
}

fn references_to(car: &CarIdentity) -> impl Iterator<Item = CarRef> {
    [car.id.hyphenated().to_string(), car.slug.clone()]
        .into_iter()
        .filter_map(|name| CarRef::parse(&name).ok())
}

/// Makes everything cached about the days of `cars` invalid.
pub async fn days_changed(app: &App, cars: impl IntoIterator<Item = CarIdentity>) {
    let subjects = cars.into_iter().flat_map(|car| days_of(&car)).collect();
    invalidate(app, subjects, None).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_holds_nothing_a_client_wrote() {
        let slot = Slot::new(Kind::Cars, "search=\r\nFLUSHALL", Subject::Catalogue, 60);
        assert_eq!(slot.key.len(), "cache:2:cars:".len() + 32);
        assert!(!slot.key.contains("FLUSH"));
        assert_ne!(
            slot.key,
            Slot::new(Kind::Cars, "search=", Subject::Catalogue, 60).key
        );
    }
}
