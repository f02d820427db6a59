//! The faults of requests and their rates, which each seed chooses.

use crate::{random::Random, world::Upstream};
use exodrive::platform::TransportError;

/// The treatment of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The request and its response both arrive.
    Delivered,
    /// The request never arrives. `NotSent` shows this to the sender, `Unknown` does not.
    Lost(TransportError),
    /// The request takes effect, but its response never arrives.
    ResponseLost,
    /// The request arrives after its sender has stopped waiting, or never.
    Delayed,
    /// A temporary error without an effect.
    Refused(Refusal),
    /// A server error after the effect.
    Failed,
    /// A malformed response, which hides whether the request took effect.
    Garbled { is_done: bool },
    /// The sender's instance ends, before or after the effect.
    Crash { is_done: bool },
    /// The request arrives twice.
    Duplicated,
}

/// A temporary refusal by an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 429.
    RateLimited,
    ServerError,
    /// Only the database returns it.
    Deadlock,
}

const NOT_SENT: Fate = Fate::Lost(TransportError::NotSent);
const UNKNOWN: Fate = Fate::Lost(TransportError::Unknown);
const CRASH_BEFORE: Fate = Fate::Crash { is_done: false };
const CRASH_AFTER: Fate = Fate::Crash { is_done: true };
const GARBLED_BEFORE: Fate = Fate::Garbled { is_done: false };
const GARBLED_AFTER: Fate = Fate::Garbled { is_done: true };

const PAYPAL_FATES: [(u64, Fate); 11] = [
    (30, Fate::ResponseLost),
    (8, NOT_SENT),
    (10, UNKNOWN),
    (16, Fate::Delayed),
    (8, Fate::Refused(Refusal::RateLimited)),
    (6, Fate::Refused(Refusal::ServerError)),
    (10, Fate::Failed),
    (2, GARBLED_BEFORE),
    (6, GARBLED_AFTER),
    (6, CRASH_BEFORE),
    (10, CRASH_AFTER),
];
const DATABASE_FATES: [(u64, Fate); 11] = [
    (24, Fate::ResponseLost),
    (8, NOT_SENT),
    (8, UNKNOWN),
    (10, Fate::Delayed),
    (10, Fate::Refused(Refusal::ServerError)),
    (6, Fate::Refused(Refusal::Deadlock)),
    (6, Fate::Failed),
    (2, GARBLED_BEFORE),
    (4, GARBLED_AFTER),
    (10, CRASH_BEFORE),
    (12, CRASH_AFTER),
];
const REDIS_FATES: [(u64, Fate); 9] = [
    (20, Fate::ResponseLost),
    (15, NOT_SENT),
    (15, UNKNOWN),
    (15, Fate::Delayed),
    (10, Fate::Refused(Refusal::RateLimited)),
    (10, Fate::Refused(Refusal::ServerError)),
    (5, GARBLED_AFTER),
    (5, CRASH_BEFORE),
    (5, CRASH_AFTER),
];
const PRODUCT_FATES: [(u64, Fate); 5] = [
    (30, Fate::Duplicated),
    (25, Fate::ResponseLost),
    (10, NOT_SENT),
    (10, UNKNOWN),
    (25, Fate::Delayed),
];

/// The fault rates of a run, per thousand requests to each upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    product: u64,
    database: u64,
    redis: u64,
    paypal: u64,
    /// The weight of an instance's crash between requests. An arriving request weighs 900.
    crashes: u64,
}

impl Faults {
    pub(crate) const NONE: Self = Self {
        product: 0,
        database: 0,
        redis: 0,
        paypal: 0,
        crashes: 0,
    };

    /// Chooses a rate for each upstream, so most seeds have many faults at one and few at another.
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

    pub(crate) fn crash_weight(self) -> u64 {
        self.crashes
    }

    /// Draws a request's fate. A request that `moves_money` has twice the fault rate.
    pub(crate) fn fate(self, upstream: Upstream, moves_money: bool, random: &mut Random) -> Fate {
        let (rate, fates): (u64, &[(u64, Fate)]) = match upstream {
            Upstream::Product => (self.product, &PRODUCT_FATES),
            Upstream::Database => (self.database, &DATABASE_FATES),
            Upstream::Redis => (self.redis, &REDIS_FATES),
            Upstream::PayPal => (self.paypal, &PAYPAL_FATES),
        };
        if random.chance(if moves_money { 2 * rate } else { rate }) {
            random.weighted(fates)
        } else {
            Fate::Delivered
        }
    }
}
