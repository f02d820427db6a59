//! What may go wrong with a request, and how often a seed lets it.

use crate::{random::Random, world::Upstream};
use exodrive::platform::TransportError;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives, and so does the answer.
    Answered,
    /// It never arrives; whether it was sent is told or not.
    Lost(TransportError),
    /// It is acted upon, and its sender does not learn of it.
    AnswerLost,
    /// It arrives once its sender waits no longer, or never.
    Late,
    /// Refused for a moment, without an effect.
    Refused(Refusal),
    /// Acted upon, and answered as if something had failed.
    Failed,
    /// The answer makes no sense; whether it was acted upon it does not say.
    Garbled { is_done: bool },
    /// The sender's instance ends, before or after the effect.
    Crash { is_done: bool },
    /// It arrives twice.
    Doubled,
}

/// How a service says that it does not want to, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 429.
    TooMany,
    /// A server error.
    Broken,
    /// The database only: somebody else is in the way.
    Contended,
}

const NOT_SENT: Fate = Fate::Lost(TransportError::NotSent);
const UNKNOWN: Fate = Fate::Lost(TransportError::Unknown);
const CRASH_BEFORE: Fate = Fate::Crash { is_done: false };
const CRASH_AFTER: Fate = Fate::Crash { is_done: true };
const GARBLED_BEFORE: Fate = Fate::Garbled { is_done: false };
const GARBLED_AFTER: Fate = Fate::Garbled { is_done: true };

const OF_PAYPAL: [(u64, Fate); 11] = [
    (30, Fate::AnswerLost),
    (8, NOT_SENT),
    (10, UNKNOWN),
    (16, Fate::Late),
    (8, Fate::Refused(Refusal::TooMany)),
    (6, Fate::Refused(Refusal::Broken)),
    (10, Fate::Failed),
    (2, GARBLED_BEFORE),
    (6, GARBLED_AFTER),
    (6, CRASH_BEFORE),
    (10, CRASH_AFTER),
];
const OF_DATABASE: [(u64, Fate); 11] = [
    (24, Fate::AnswerLost),
    (8, NOT_SENT),
    (8, UNKNOWN),
    (10, Fate::Late),
    (10, Fate::Refused(Refusal::Broken)),
    (6, Fate::Refused(Refusal::Contended)),
    (6, Fate::Failed),
    (2, GARBLED_BEFORE),
    (4, GARBLED_AFTER),
    (10, CRASH_BEFORE),
    (12, CRASH_AFTER),
];
const OF_REDIS: [(u64, Fate); 9] = [
    (20, Fate::AnswerLost),
    (15, NOT_SENT),
    (15, UNKNOWN),
    (15, Fate::Late),
    (10, Fate::Refused(Refusal::TooMany)),
    (10, Fate::Refused(Refusal::Broken)),
    (5, GARBLED_AFTER),
    (5, CRASH_BEFORE),
    (5, CRASH_AFTER),
];
const OF_PRODUCT: [(u64, Fate); 5] = [
    (30, Fate::Doubled),
    (25, Fate::AnswerLost),
    (10, NOT_SENT),
    (10, UNKNOWN),
    (25, Fate::Late),
];

/// How often each upstream's requests go wrong in a run, of a thousand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    product: u64,
    database: u64,
    redis: u64,
    paypal: u64,
    /// How often an instance ends while it does nothing in particular, against 900 for a request that arrives.
    crashes: u64,
}

impl Faults {
    /// None at all.
    pub(crate) const NONE: Self = Self {
        product: 0,
        database: 0,
        redis: 0,
        paypal: 0,
        crashes: 0,
    };

    /// What a seed chooses: mostly trouble in some places and calm in others.
    pub(crate) fn choose(random: &mut Random) -> Self {
        let mut rate = |rates: &[u64]| random.pick(rates);
        Self {
            product: rate(&[0, 50, 150, 300]),
            database: rate(&[0, 10, 40, 120]),
            redis: rate(&[0, 0, 20, 100]),
            paypal: rate(&[0, 50, 120, 250]),
            crashes: rate(&[0, 0, 3, 15]),
        }
    }

    /// The weight of an instance's end among what may happen next.
    pub(crate) fn crash_weight(self) -> u64 {
        self.crashes
    }

    /// What becomes of a request to `upstream`. Trouble is where it hurts: what `moves_money` meets twice as much of it.
    pub(crate) fn fate(self, upstream: Upstream, moves_money: bool, random: &mut Random) -> Fate {
        let (rate, fates): (u64, &[(u64, Fate)]) = match upstream {
            Upstream::Product => (self.product, &OF_PRODUCT),
            Upstream::Database => (self.database, &OF_DATABASE),
            Upstream::Redis => (self.redis, &OF_REDIS),
            Upstream::PayPal => (self.paypal, &OF_PAYPAL),
        };
        if random.chance(if moves_money { 2 * rate } else { rate }) {
            random.weighted(fates)
        } else {
            Fate::Answered
        }
    }
}
