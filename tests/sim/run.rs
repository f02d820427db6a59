//! Runs one seed in three phases. First all actors act, and the run chooses each next event. Then
//! time leaps through the remaining work. Finally all work is settled and the result is checked.

use crate::{
    actors,
    books::Books,
    checks,
    faults::Faults,
    fleet::CARS,
    instances::{self, Instances},
    ledger::Ledger,
    random::Random,
    tasks::Tasks,
    unkindness::Unkind,
    upstreams::Upstreams,
    world::{Origin, Phase, Upstream, World},
};
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};

/// The result of one seed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) history: String,
    pub(crate) violations: Vec<String>,
    /// The message of a panic of the simulation itself, which proves nothing about the product.
    pub(crate) panic: Option<String>,
}

impl Outcome {
    pub(crate) fn has_failed(&self) -> bool {
        !self.violations.is_empty() || self.panic.is_some()
    }
}

/// The number of events in the active phase.
const EVENTS: (u64, u64) = (100, 300);
const MAX_STEP_MILLIS: u64 = 3;

pub(crate) struct Run<'u> {
    pub(crate) world: Arc<World>,
    pub(crate) tasks: Tasks,
    pub(crate) instances: Instances,
    pub(crate) upstreams: &'u mut Upstreams,
    pub(crate) faults: Faults,
    pub(crate) unkind: Unkind,
}

#[derive(Clone, Copy)]
enum Event {
    /// The request of this number arrives.
    Arrival(u64),
    /// Time passes until the next alarm.
    Alarm,
    /// The instance of this number ends.
    Crash(usize),
}

/// Resets the upstreams, then runs `seed`.
pub(crate) fn run(upstreams: &mut Upstreams, seed: u64) -> Outcome {
    let world = World::new(seed, start_of(seed));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut run = Run::new(&world, upstreams, seed);
        run.run_phases();
    }));
    let state = &mut *world.state();
    let panic = result.err().map(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        text.unwrap_or_default()
    });
    let violations: Vec<String> = state
        .checks
        .violations()
        .iter()
        .map(|violation| state.history.replace_ids(violation))
        .collect();
    Outcome {
        seed,
        history: state.history.text().to_owned(),
        violations,
        panic,
    }
}

/// The start of a seed: any minute of a year, to cover every hour of the day and every season.
fn start_of(seed: u64) -> Timestamp {
    let minutes = Random::new(seed, "start").below(365 * 24 * 60);
    // The local PayPal's signing certificates are valid then.
    let new_year: Timestamp = "2028-01-01T00:00:00Z".parse().unwrap();
    new_year
        .checked_add(SignedDuration::from_mins(minutes.try_into().unwrap()))
        .unwrap()
}

impl<'u> Run<'u> {
    fn new(world: &Arc<World>, upstreams: &'u mut Upstreams, seed: u64) -> Self {
        let mut state = world.state();
        upstreams.reset(seed, &state.clock);
        state.varies_request_ids = upstreams.varies_request_ids();
        for car in &CARS {
            state.history.set_name(&car.id.to_string(), car.slug);
        }
        let faults = Faults::choose(&mut state.random);
        state.note(&format!("seed {seed}: {faults:?}"));
        drop(state);
        Self {
            world: Arc::clone(world),
            tasks: Tasks::default(),
            instances: Instances::new(world),
            upstreams,
            faults,
            unkind: Unkind::default(),
        }
    }

    fn run_phases(&mut self) {
        self.unkind = actors::start(&self.world, self.upstreams.simulator());
        let events = {
            let (least, most) = EVENTS;
            self.world.state().random.between(least, most)
        };
        for _ in 0..events {
            if !self.step() {
                break;
            }
        }
        if !self.has_violations() {
            self.leap();
        }
        if !self.has_violations() {
            self.settle();
        }
    }

    /// A run stops at its first violation, because later ones may only be consequences.
    pub(crate) fn has_violations(&self) -> bool {
        !self.world.state().checks.violations().is_empty()
    }

    /// Lets one event happen. Returns `false` if none is possible or a check has failed.
    pub(crate) fn step(&mut self) -> bool {
        self.tasks.poll_ready(&self.world);
        self.fire_alarms();
        if self.has_violations() {
            return false;
        }
        let Some(event) = self.choose_event() else {
            return false;
        };
        match event {
            Event::Arrival(number) => {
                let mut state = self.world.state();
                let millis = state.random.below(MAX_STEP_MILLIS + 1);
                state.clock.advance(Duration::from_millis(millis));
                drop(state);
                self.fire_alarms();
                self.arrive(number);
            }
            Event::Alarm => self.advance_to_alarm(),
            Event::Crash(instance) => self.crash(instance),
        }
        self.tasks.poll_ready(&self.world);
        true
    }

    fn choose_event(&mut self) -> Option<Event> {
        let mut state = self.world.state();
        let arriving: Vec<u64> = state
            .in_flight
            .iter()
            .filter(|(_, pending)| !pending.is_delayed && !pending.is_abandoned)
            .map(|(number, _)| *number)
            .collect();
        let late: Vec<u64> = state
            .in_flight
            .iter()
            .filter(|(_, pending)| pending.is_abandoned)
            .map(|(number, _)| *number)
            .collect();
        let mut choices = Vec::new();
        if !arriving.is_empty() {
            choices.push((900, Event::Arrival(state.random.pick(&arriving))));
        }
        if !late.is_empty() {
            choices.push((40, Event::Arrival(state.random.pick(&late))));
        }
        if !state.alarms.is_empty() {
            let weight = match (arriving.is_empty(), state.phase == Phase::Settling) {
                (true, _) => 900,
                (false, true) => 0,
                (false, false) => 30,
            };
            choices.push((weight, Event::Alarm));
        }
        if state.phase != Phase::Settling && !choices.is_empty() {
            let instance = instances::pick(&mut state.random);
            choices.push((self.faults.crash_weight(), Event::Crash(instance)));
        }
        let total: u64 = choices.iter().map(|(weight, _)| weight).sum();
        (total > 0).then(|| state.random.weighted(&choices))
    }

    /// Moves the clock to the next alarm and fires it.
    fn advance_to_alarm(&mut self) {
        let state = self.world.state();
        let Some((at, _)) = state.alarms.keys().next().copied() else {
            return;
        };
        let left = at.duration_since(state.clock.now());
        // An alarm that is already due moves nothing.
        state.clock.advance(left.try_into().unwrap_or_default());
        // The clock has milliseconds and an alarm is finer, so the clock may stop just before it.
        while state.clock.now() < at {
            state.clock.advance(Duration::from_millis(1));
        }
        drop(state);
        self.fire_alarms();
    }

    /// Moves the clock by `duration` and fires the alarms of that time in order.
    pub(crate) fn advance(&mut self, duration: SignedDuration) {
        let end = self.world.now().checked_add(duration).unwrap();
        loop {
            let next = self.world.state().alarms.keys().next().map(|(at, _)| *at);
            if next.is_none_or(|at| at > end) {
                break;
            }
            self.advance_to_alarm();
            self.tasks.poll_ready(&self.world);
            self.deliver_pending();
        }
        let state = self.world.state();
        let left = end.duration_since(state.clock.now());
        // The last alarm may have moved the clock past the end, by less than a millisecond.
        state.clock.advance(left.try_into().unwrap_or_default());
    }

    /// Steps until no request can arrive.
    fn deliver_pending(&mut self) {
        let has_arrivals = |run: &Self| {
            let state = run.world.state();
            let mut requests = state.in_flight.values();
            requests.any(|pending| !pending.is_delayed && !pending.is_abandoned)
        };
        while has_arrivals(self) && self.step() {}
    }

    /// Wakes the tasks whose alarms are due, one at a time.
    fn fire_alarms(&mut self) {
        loop {
            let mut state = self.world.state();
            let now = state.clock.now();
            let Some(entry) = state.alarms.first_entry().filter(|it| it.key().0 <= now) else {
                break;
            };
            let alarm = entry.remove();
            drop(state);
            alarm.fill(());
            self.tasks.poll_ready(&self.world);
        }
        self.drop_expired();
    }

    /// Drops abandoned requests that are older than their upstream's limit.
    fn drop_expired(&mut self) {
        let mut state = self.world.state();
        let now = state.clock.now();
        state.in_flight.retain(|_, pending| {
            let limit = match pending.to {
                Upstream::Redis => SignedDuration::from_secs(5),
                Upstream::Database => SignedDuration::from_secs(30),
                Upstream::PayPal | Upstream::Product => SignedDuration::from_mins(10),
            };
            !pending.is_abandoned || now.duration_since(pending.sent_at) < limit
        });
    }

    /// Ends an instance of the product. Another with an empty memory takes its place.
    pub(crate) fn crash(&mut self, instance: usize) {
        self.world
            .state()
            .note(&format!("instance-{instance} crashes"));
        self.world.state().checks.record_crash(instance);
        self.tasks.crash(instance);
        self.instances.replace(&self.world, instance);
    }

    /// Reads and checks the tables after a call by `origin`.
    pub(crate) fn record_books(&mut self, origin: &Origin, is_known: bool) {
        let now = self.world.now();
        let books = Books::read(&mut self.upstreams.database, now);
        let paypal = self.upstreams.simulator().books();
        let mut state = self.world.state();
        state
            .checks
            .record_books(books, &paypal, origin, is_known, now);
    }

    /// Reads and checks PayPal's ledger.
    pub(crate) fn record_ledger(&mut self) {
        let ledger = Ledger::read(self.upstreams.simulator());
        self.world.state().checks.record_ledger(ledger);
    }

    /// Checks everything after all work is done.
    pub(crate) fn check_final_state(&mut self) {
        const CHANGES: &str = "
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'payment', subject_id, 'from', detail ->> 'from', 'to', detail ->> 'to')
                ORDER BY id), '[]')::text
            FROM public.audit_log WHERE subject_type = 'payment' AND detail ?& ARRAY['from', 'to']";
        // The ids come from PayPal's body, because the `inbox-dedupe` mutation changes `event_id`.
        const INBOX: &str = "
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'event', convert_from(raw_body, 'UTF8')::jsonb ->> 'id', 'status', status)
                ORDER BY event_id), '[]')::text
            FROM public.webhook_events";
        let changes: Vec<checks::StatusChange> =
            serde_json::from_str(&self.upstreams.database.read(CHANGES, &[])).unwrap();
        let inbox: Vec<checks::InboxEntry> =
            serde_json::from_str(&self.upstreams.database.read(INBOX, &[])).unwrap();
        let digest = self.upstreams.database.digest();
        let mut state = self.world.state();
        let now = state.clock.now();
        checks::check_final_state(&mut state.checks, &changes, &inbox, now);
        state.note(&format!("the end: the digest of the tables is {digest}"));
    }
}
