//! What everybody in a simulation shares: the time, what is under way between them, chance, and the history.
//!
//! Nothing here acts. A request that is sent waits in [`State::under_way`] until [`crate::run`] decides what becomes of it.

use crate::{
    checks::Checks,
    history::History,
    random::Random,
    slot::{Slot, Taken},
    waiting::{Exchange, Sleep},
};
use bytes::Bytes;
use exodrive::platform::TransportError;
use exodrive_native::Clock;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What comes back from somebody who was asked.
pub(crate) type Answered = Result<Response<Bytes>, TransportError>;

/// Who can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Upstream {
    /// The product, by its customers and crons.
    Product,
    /// PostgREST.
    Database,
    /// Upstash.
    Redis,
    /// PayPal.
    PayPal,
}

impl Upstream {
    pub(crate) const ALL: [Self; 4] = [Self::Product, Self::Database, Self::Redis, Self::PayPal];

    /// Its address.
    pub(crate) const fn base_url(self) -> &'static str {
        match self {
            Self::Product => "http://exodrive.test",
            Self::Database => "http://database.test",
            Self::Redis => "http://redis.test",
            Self::PayPal => "http://paypal.test",
        }
    }

    fn of(request: &Request<Bytes>) -> Self {
        let authority = request.uri().authority().map_or("", |host| host.as_str());
        Self::ALL
            .into_iter()
            .find(|upstream| upstream.base_url().ends_with(&format!("//{authority}")))
            .unwrap_or_else(|| panic!("nobody lives at {}", request.uri()))
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everybody comes and goes.
    Lively,
    /// Nobody begins anything of their own accord; time goes from one thing that is due to the next.
    Working,
    /// Nothing goes wrong any more.
    Calm,
}

/// The task that did something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Tells tasks apart.
    pub(crate) number: u64,
    /// As the history calls it.
    pub(crate) name: String,
    /// The instance of the product that it runs on; customers and crons run on none.
    pub(crate) instance: Option<usize>,
}

/// A task that was just started.
pub(crate) struct Started {
    pub(crate) origin: Arc<Origin>,
    pub(crate) work: BoxFuture<'static, ()>,
}

/// A request on its way.
pub(crate) struct Sending {
    pub(crate) from: Arc<Origin>,
    pub(crate) to: Upstream,
    pub(crate) request: Request<Bytes>,
    pub(crate) sent_at: Timestamp,
    pub(crate) answer: Arc<Slot<Answered>>,
    /// It will not arrive while its sender waits.
    pub(crate) is_stuck: bool,
    /// Its sender waits no longer.
    pub(crate) is_abandoned: bool,
}

/// See the module.
pub(crate) struct State {
    pub(crate) clock: Clock,
    /// What the run decides by.
    pub(crate) random: Random,
    /// What the product takes for randomness.
    pub(crate) entropy: Random,
    pub(crate) history: History,
    pub(crate) checks: Checks,
    pub(crate) under_way: BTreeMap<u64, Sending>,
    pub(crate) alarms: BTreeMap<(Timestamp, u64), Arc<Slot<()>>>,
    pub(crate) started: Vec<Started>,
    /// The task at work.
    pub(crate) current: Option<Arc<Origin>>,
    pub(crate) phase: Phase,
    /// Each request's id is another one, see [`crate::mutations`].
    pub(crate) spoils_request_ids: bool,
    numbers: u64,
}

impl State {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Writes a line of history.
    pub(crate) fn note(&mut self, line: &str) {
        self.history.note(self.clock.now(), line);
    }
}

/// The shared state, for one thread.
pub(crate) struct World(Mutex<State>);

impl World {
    pub(crate) fn new(seed: u64, start: Timestamp) -> Arc<Self> {
        let clock = Clock::standing_at(start);
        Arc::new(Self(Mutex::new(State {
            clock,
            random: Random::new(seed, "run"),
            entropy: Random::new(seed, "entropy"),
            history: History::default(),
            checks: Checks::default(),
            under_way: BTreeMap::new(),
            alarms: BTreeMap::new(),
            started: Vec::new(),
            current: None,
            phase: Phase::Lively,
            spoils_request_ids: false,
            numbers: 0,
        })))
    }

    /// Nobody keeps this across an await or a call back into the world.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state().clock.now()
    }

    /// Whether things are still begun.
    pub(crate) fn is_lively(&self) -> bool {
        self.state().phase == Phase::Lively
    }

    /// Whether nothing goes wrong any more.
    pub(crate) fn is_calm(&self) -> bool {
        self.state().phase == Phase::Calm
    }

    /// Starts a task.
    pub(crate) fn start(
        &self,
        name: String,
        instance: Option<usize>,
        work: BoxFuture<'static, ()>,
    ) -> Arc<Origin> {
        let mut state = self.state();
        let origin = Arc::new(Origin {
            number: state.number(),
            name,
            instance,
        });
        state.started.push(Started {
            origin: Arc::clone(&origin),
            work,
        });
        origin
    }

    /// Puts a request on its way.
    pub(crate) fn send(self: &Arc<Self>, mut request: Request<Bytes>) -> Exchange {
        let mut state = self.state();
        let number = state.number();
        if state.spoils_request_ids
            && let Some(id) = request.headers_mut().get_mut("paypal-request-id")
        {
            let spoilt = format!("{}-{number}", id.to_str().unwrap());
            *id = spoilt.parse().unwrap();
        }
        let from = state.current.clone().expect("a request has a sender");
        let to = Upstream::of(&request);
        let answer = Slot::new();
        let now = state.clock.now();
        if to == Upstream::PayPal {
            state.checks.asks_paypal(&from, &request, now);
        }
        state.under_way.insert(
            number,
            Sending {
                from,
                to,
                request,
                sent_at: now,
                answer: Arc::clone(&answer),
                is_stuck: false,
                is_abandoned: false,
            },
        );
        Exchange {
            world: Arc::clone(self),
            number,
            answer: Taken(answer),
        }
    }

    /// Waits.
    pub(crate) fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        let mut state = self.state();
        let at = state
            .clock
            .now()
            .checked_add(SignedDuration::try_from(duration).unwrap())
            .unwrap();
        let key = (at, state.number());
        let alarm = Slot::new();
        state.alarms.insert(key, Arc::clone(&alarm));
        Sleep {
            world: Arc::clone(self),
            key,
            alarm: Taken(alarm),
        }
    }
}
