//! One seed: everybody acts, the run decides what happens next, until it has happened often enough; then it is driven to its end.

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
    upstreams::Upstreams,
    world::{Origin, Phase, Upstream, World},
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// What one seed came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) history: String,
    /// Empty when all is well.
    pub(crate) violations: Vec<String>,
}

/// How many things happen before faults stop.
const EVENTS: (u64, u64) = (100, 300);
/// What happens in one step takes at most so many milliseconds.
const LONGEST_STEP: u64 = 3;

/// A run under way.
pub(crate) struct Run<'u> {
    pub(crate) world: Arc<World>,
    pub(crate) tasks: Tasks,
    pub(crate) instances: Instances,
    pub(crate) upstreams: &'u mut Upstreams,
    pub(crate) faults: Faults,
}

/// What may happen next.
#[derive(Clone, Copy)]
enum Event {
    /// A request arrives.
    Arrival(u64),
    /// Time passes, and with it somebody's patience.
    Waiting,
    /// An instance of the product ends.
    Crash(usize),
}

/// Runs `seed` on upstreams that it first empties.
pub(crate) fn run(upstreams: &mut Upstreams, seed: u64) -> Outcome {
    let world = World::new(seed, start_of(seed));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut run = Run::new(&world, upstreams, seed);
        run.go();
    }));
    let state = &mut *world.state();
    if let Err(panic) = outcome {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        state.checks.violated(text.unwrap_or_default());
    }
    let violations: Vec<String> = state
        .checks
        .violations()
        .iter()
        .map(|found| state.history.named(found))
        .collect();
    Outcome {
        seed,
        history: state.history.text().to_owned(),
        violations,
    }
}

/// Some moment of a year: the hour of the day and the season are part of what a seed decides.
fn start_of(seed: u64) -> Timestamp {
    let minutes = Random::new(seed, "start").below(365 * 24 * 60);
    // Once the certificates with which the local PayPal signs are valid.
    let new_year: Timestamp = "2028-01-01T00:00:00Z".parse().unwrap();
    new_year
        .checked_add(SignedDuration::from_mins(minutes.try_into().unwrap()))
        .unwrap()
}

impl<'u> Run<'u> {
    fn new(world: &Arc<World>, upstreams: &'u mut Upstreams, seed: u64) -> Self {
        let mut state = world.state();
        upstreams.reset(seed, &state.clock);
        state.spoils_request_ids = upstreams.spoils_request_ids();
        for car in &CARS {
            state.history.call(&car.id.to_string(), car.slug);
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
        }
    }

    fn go(&mut self) {
        actors::start(&self.world, self.upstreams.simulator());
        let events = {
            let (least, most) = EVENTS;
            self.world.state().random.between(least, most)
        };
        for _ in 0..events {
            if !self.step() {
                break;
            }
        }
        if !self.is_violated() {
            self.work();
        }
        if !self.is_violated() {
            self.settle();
        }
    }

    /// Whether something is wrong already; then the rest of the story would only distract.
    pub(crate) fn is_violated(&self) -> bool {
        !self.world.state().checks.violations().is_empty()
    }

    /// Lets one thing happen. `false`: nothing can any more, or something is wrong already.
    pub(crate) fn step(&mut self) -> bool {
        self.tasks.go_on(&self.world);
        self.ring();
        if self.is_violated() {
            return false;
        }
        let Some(event) = self.choose() else {
            return false;
        };
        match event {
            Event::Arrival(number) => {
                let mut state = self.world.state();
                let millis = state.random.below(LONGEST_STEP + 1);
                let millis = SignedDuration::from_millis(millis.try_into().unwrap());
                state.clock.advance(millis);
                drop(state);
                self.ring();
                self.arrive(number);
            }
            Event::Waiting => self.wait(),
            Event::Crash(instance) => self.crash(instance),
        }
        self.tasks.go_on(&self.world);
        true
    }

    fn choose(&mut self) -> Option<Event> {
        let mut state = self.world.state();
        let arriving: Vec<u64> = state
            .under_way
            .iter()
            .filter(|(_, sending)| !sending.is_stuck && !sending.is_abandoned)
            .map(|(number, _)| *number)
            .collect();
        let late: Vec<u64> = state
            .under_way
            .iter()
            .filter(|(_, sending)| sending.is_abandoned)
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
            let patience = match (arriving.is_empty(), state.phase == Phase::Calm) {
                (true, _) => 900,
                (false, true) => 0,
                (false, false) => 30,
            };
            choices.push((patience, Event::Waiting));
        }
        if state.phase != Phase::Calm && !choices.is_empty() {
            let instance = instances::any(&mut state.random);
            choices.push((self.faults.crash_weight(), Event::Crash(instance)));
        }
        let total: u64 = choices.iter().map(|(weight, _)| weight).sum();
        (total > 0).then(|| state.random.weighted(&choices))
    }

    /// Time goes to the next moment that somebody waits for.
    fn wait(&mut self) {
        let state = self.world.state();
        let Some((at, _)) = state.alarms.keys().next().copied() else {
            return;
        };
        let left = at.duration_since(state.clock.now());
        state.clock.advance(left);
        // Sub-millisecond alarms would never be reached by a clock of milliseconds.
        while state.clock.now() < at {
            state.clock.advance(SignedDuration::from_millis(1));
        }
        drop(state);
        self.ring();
    }

    /// Lets time pass; what falls due on the way is woken in its order.
    pub(crate) fn pass(&mut self, duration: SignedDuration) {
        let end = self.world.now().checked_add(duration).unwrap();
        loop {
            let next = self.world.state().alarms.keys().next().map(|(at, _)| *at);
            if next.is_none_or(|at| at > end) {
                break;
            }
            self.wait();
            self.tasks.go_on(&self.world);
            self.let_arrive();
        }
        let state = self.world.state();
        state.clock.advance(end.duration_since(state.clock.now()));
    }

    /// Lets everything happen that needs no time.
    fn let_arrive(&mut self) {
        let is_on_its_way = |run: &Self| {
            let state = run.world.state();
            let mut sendings = state.under_way.values();
            sendings.any(|sending| !sending.is_stuck && !sending.is_abandoned)
        };
        while is_on_its_way(self) && self.step() {}
    }

    /// Wakes whoever waited for this moment.
    fn ring(&mut self) {
        loop {
            let mut state = self.world.state();
            let now = state.clock.now();
            let Some(entry) = state.alarms.first_entry().filter(|it| it.key().0 <= now) else {
                break;
            };
            let alarm = entry.remove();
            drop(state);
            alarm.fill(());
            self.tasks.go_on(&self.world);
        }
        self.forget();
    }

    /// What is too late even for a late request never arrives.
    fn forget(&mut self) {
        let mut state = self.world.state();
        let now = state.clock.now();
        state.under_way.retain(|_, sending| {
            let patience = match sending.to {
                Upstream::Redis => SignedDuration::from_secs(5),
                Upstream::Database => SignedDuration::from_secs(30),
                Upstream::PayPal | Upstream::Product => SignedDuration::from_mins(10),
            };
            !sending.is_abandoned || now.duration_since(sending.sent_at) < patience
        });
    }

    /// Ends an instance of the product where it stands; another takes its place, with nothing in its memory.
    pub(crate) fn crash(&mut self, instance: usize) {
        self.world
            .state()
            .note(&format!("instance-{instance} crashes"));
        self.tasks.crash(instance);
        self.instances.replace(&self.world, instance);
    }

    /// Looks at our tables, after a call by `origin` that may have changed them.
    pub(crate) fn see_books(&mut self, origin: &Origin) {
        let books = Books::read(&mut self.upstreams.database);
        self.world.state().checks.see_books(books, origin);
    }

    /// Looks at PayPal's ledger.
    pub(crate) fn see_ledger(&mut self) {
        let ledger = Ledger::read(self.upstreams.ledger());
        let mut state = self.world.state();
        let now = state.clock.now();
        state.checks.see_ledger(ledger, now);
    }

    /// Looks at everything, once everything has come to rest.
    pub(crate) fn see_the_end(&mut self) {
        const CHANGES: &str = "
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'payment', subject_id, 'from', detail ->> 'from', 'to', detail ->> 'to') ORDER BY id), '[]')::text
            FROM public.audit_log WHERE subject_type = 'payment' AND detail ? 'from'";
        // By the ids that PayPal gave them, whatever the inbox made of these.
        const INBOX: &str = "
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'event', convert_from(raw_body, 'UTF8')::jsonb ->> 'id', 'status', status) ORDER BY event_id), '[]')::text
            FROM public.webhook_events";
        let changes: Vec<checks::Change> =
            serde_json::from_str(&self.upstreams.database.read(CHANGES, &[])).unwrap();
        let events: Vec<checks::Entry> =
            serde_json::from_str(&self.upstreams.database.read(INBOX, &[])).unwrap();
        let digest = self.upstreams.database.digest();
        let mut state = self.world.state();
        let now = state.clock.now();
        checks::settled(&mut state.checks, &changes, &events, now);
        state.note(&format!("the end: the tables' content is {digest}"));
    }
}
