//! The world that all tasks share: the clock, requests in flight, randomness and the history.
//!
//! Nothing here acts by itself. A request waits in [`State::in_flight`] until [`crate::run`]
//! decides its fate.

use crate::{
    checks::Checks,
    futures::{ResponseFuture, Sleep},
    history::History,
    random::Random,
    slot::{Receiver, Slot},
};
use bytes::Bytes;
use exodrive::platform::TransportError;
use exodrive_local::paypal::Behaviour;
use exodrive_native::Clock;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) type ResponseResult = Result<Response<Bytes>, TransportError>;

/// A server that receives requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Upstream {
    /// Customers, operators, crons and PayPal call the product.
    Product,
    /// PostgREST.
    Database,
    /// Upstash.
    Redis,
    PayPal,
}

impl Upstream {
    pub(crate) const ALL: [Self; 4] = [Self::Product, Self::Database, Self::Redis, Self::PayPal];

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
            .unwrap_or_else(|| panic!("no upstream has the address {}", request.uri()))
    }
}

/// The phases of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// All actors act on their own.
    Active,
    /// Time leaps from one cron job to the next. Actors start nothing new.
    Leaping,
    /// No more faults.
    Settling,
}

/// Identifies the task behind a request or a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) number: u64,
    /// The name in the history.
    pub(crate) name: String,
    /// The instance of the product that runs the task. Actors have none.
    pub(crate) instance: Option<usize>,
}

/// A task that the executor has yet to add.
pub(crate) struct NewTask {
    pub(crate) origin: Arc<Origin>,
    pub(crate) work: BoxFuture<'static, ()>,
}

/// A request in flight.
pub(crate) struct PendingRequest {
    pub(crate) from: Arc<Origin>,
    pub(crate) to: Upstream,
    pub(crate) request: Request<Bytes>,
    pub(crate) sent_at: Timestamp,
    pub(crate) response: Arc<Slot<ResponseResult>>,
    /// The request arrives only after its sender has stopped waiting.
    pub(crate) is_delayed: bool,
    /// The sender has stopped waiting.
    pub(crate) is_abandoned: bool,
}

pub(crate) struct State {
    pub(crate) clock: Clock,
    /// Decides what the run does.
    pub(crate) random: Random,
    /// The product's source of randomness.
    pub(crate) entropy: Random,
    pub(crate) history: History,
    pub(crate) checks: Checks,
    pub(crate) in_flight: BTreeMap<u64, PendingRequest>,
    pub(crate) alarms: BTreeMap<(Timestamp, u64), Arc<Slot<()>>>,
    pub(crate) new_tasks: Vec<NewTask>,
    /// The task that is being polled.
    pub(crate) current: Option<Arc<Origin>>,
    pub(crate) phase: Phase,
    /// PayPal's behaviours towards orders that it can never show.
    pub(crate) broken_orders: Vec<Behaviour>,
    /// Makes every PayPal request id unique, see [`crate::mutations`].
    pub(crate) varies_request_ids: bool,
    last_number: u64,
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Adds a line to the history.
    pub(crate) fn note(&mut self, line: &str) {
        self.history.note(self.clock.now(), line);
    }
}

/// The mutex makes the world `Sync`, as tasks require. Only one thread uses it.
pub(crate) struct World(Mutex<State>);

impl World {
    pub(crate) fn new(seed: u64, start: Timestamp) -> Arc<Self> {
        let clock = Clock::fixed_at(start);
        Arc::new(Self(Mutex::new(State {
            clock,
            random: Random::new(seed, "run"),
            entropy: Random::new(seed, "entropy"),
            history: History::default(),
            checks: Checks::default(),
            in_flight: BTreeMap::new(),
            alarms: BTreeMap::new(),
            new_tasks: Vec::new(),
            current: None,
            phase: Phase::Active,
            broken_orders: Vec::new(),
            varies_request_ids: false,
            last_number: 0,
        })))
    }

    /// Locks the state. Drop the guard before an await and before any other call on the world.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state().clock.now()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state().phase == Phase::Active
    }

    pub(crate) fn is_settling(&self) -> bool {
        self.state().phase == Phase::Settling
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
            number: state.next_number(),
            name,
            instance,
        });
        state.new_tasks.push(NewTask {
            origin: Arc::clone(&origin),
            work,
        });
        origin
    }

    /// Puts a request in flight, from the task that is being polled.
    pub(crate) fn send(self: &Arc<Self>, mut request: Request<Bytes>) -> ResponseFuture {
        let mut state = self.state();
        let number = state.next_number();
        if state.varies_request_ids
            && let Some(id) = request.headers_mut().get_mut("paypal-request-id")
        {
            let unique = format!("{}-{number}", id.to_str().unwrap());
            *id = unique.parse().unwrap();
        }
        let from = state.current.clone().expect("a request has a sender");
        let to = Upstream::of(&request);
        let response = Slot::new();
        let now = state.clock.now();
        if to == Upstream::PayPal {
            state.checks.check_paypal_request(&from, &request, now);
        }
        state.in_flight.insert(
            number,
            PendingRequest {
                from,
                to,
                request,
                sent_at: now,
                response: Arc::clone(&response),
                is_delayed: false,
                is_abandoned: false,
            },
        );
        ResponseFuture {
            world: Arc::clone(self),
            number,
            response: Receiver(response),
        }
    }

    pub(crate) fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        let mut state = self.state();
        let at = state
            .clock
            .now()
            .checked_add(SignedDuration::try_from(duration).unwrap())
            .unwrap();
        let key = (at, state.next_number());
        let alarm = Slot::new();
        state.alarms.insert(key, Arc::clone(&alarm));
        Sleep {
            world: Arc::clone(self),
            key,
            alarm: Receiver(alarm),
        }
    }
}
