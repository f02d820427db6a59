//! The behaviours in force: which of them affects a request.

use super::{Behaviour, BehaviourError, BehaviourRecord, Call, Unkindness};
use crate::paypal::{
    course::{Outcome, PaymentStatus},
    ids::Ids,
    operation::Operation,
    times::saturating_add,
};
use jiff::{SignedDuration, Timestamp};
use std::cell::Cell;

/// The behaviours in force, in the order in which they were set.
pub(in crate::paypal) struct Rules {
    active: Vec<Rule>,
    /// Decides about chances.
    draws: Ids,
    last_number: u64,
}

struct Rule {
    number: u64,
    record: BehaviourRecord,
}

/// A request, as far as the scope of a behaviour looks at it.
#[derive(Clone, Copy)]
pub(in crate::paypal) struct Target<'a> {
    pub(in crate::paypal) call: Call,
    pub(in crate::paypal) order: Option<&'a str>,
    pub(in crate::paypal) now: Timestamp,
}

impl Rules {
    pub(in crate::paypal) const fn new(draws: Ids) -> Self {
        Self {
            active: Vec::new(),
            draws,
            last_number: 0,
        }
    }

    pub(super) fn add(
        &mut self,
        mut behaviour: Behaviour,
        now: Timestamp,
    ) -> Result<(), BehaviourError> {
        behaviour.check()?;
        if let Some(duration) = behaviour.scope.lasting.take() {
            behaviour.scope.until = Some(saturating_add(now, duration));
        }
        self.last_number += 1;
        self.active.push(Rule {
            number: self.last_number,
            record: BehaviourRecord {
                behaviour,
                matched: 0,
                fired: 0,
            },
        });
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.active.clear();
    }

    pub(super) fn records(&mut self, now: Timestamp) -> Vec<BehaviourRecord> {
        self.drop_ended(now);
        self.active.iter().map(|rule| rule.record.clone()).collect()
    }

    /// Takes the first behaviour of the wanted kind that affects the request.
    pub(in crate::paypal) fn take(
        &mut self,
        target: Target<'_>,
        is_wanted: impl Fn(&Unkindness) -> bool,
    ) -> Option<Unkindness> {
        let (number, unkindness) = self.find(target, is_wanted)?;
        self.count(number);
        Some(unkindness)
    }

    /// Takes every behaviour of the wanted kind that affects the request.
    pub(in crate::paypal) fn take_all(
        &mut self,
        target: Target<'_>,
        is_wanted: impl Fn(&Unkindness) -> bool,
    ) -> Vec<Unkindness> {
        let mut taken = Vec::new();
        let mut last = 0;
        while let Some((number, unkindness)) = self.find_after(last, target, &is_wanted) {
            self.count(number);
            last = number;
            taken.push(unkindness);
        }
        taken
    }

    /// The behaviours that an operation itself consults. [`Self::settle`] counts those it used.
    pub(in crate::paypal) fn prepare(&mut self, target: Target<'_>) -> Unkind {
        let mut find = |is_wanted: fn(&Unkindness) -> bool| self.find(target, is_wanted);
        Unkind {
            forgets: Use::new(find(|it| matches!(it, Unkindness::ForgetsOrders { .. }))),
            decline: Use::new(find(|it| matches!(it, Unkindness::Decline { .. }))),
            outcome: Use::new(find(|it| matches!(it, Unkindness::Outcome(_)))),
            forgets_request_ids: Use::new(find(|it| {
                matches!(it, Unkindness::ForgetsRequestIds { .. })
            })),
            reauthorizations: Use::new(find(|it| {
                matches!(it, Unkindness::Reauthorizations { .. })
            })),
        }
    }

    /// Counts the behaviours that the operation used, and returns the kind of the last one.
    pub(in crate::paypal) fn settle(&mut self, unkind: &Unkind) -> Option<&'static str> {
        let mut kind = None;
        for part in [
            &unkind.forgets_request_ids,
            &unkind.reauthorizations,
            &unkind.outcome,
            &unkind.decline,
            &unkind.forgets,
        ] {
            if let Some((number, unkindness)) = part.used() {
                self.count(number);
                kind = Some(unkindness.kind());
            }
        }
        kind
    }

    fn find(
        &mut self,
        target: Target<'_>,
        is_wanted: impl Fn(&Unkindness) -> bool,
    ) -> Option<(u64, Unkindness)> {
        self.find_after(0, target, &is_wanted)
    }

    fn find_after(
        &mut self,
        last: u64,
        target: Target<'_>,
        is_wanted: &impl Fn(&Unkindness) -> bool,
    ) -> Option<(u64, Unkindness)> {
        self.drop_ended(target.now);
        let draws = &mut self.draws;
        self.active
            .iter_mut()
            .filter(|rule| rule.number > last)
            .filter(|rule| is_wanted(&rule.record.behaviour.unkindness))
            .filter(|rule| rule.record.behaviour.affects(target))
            .find_map(|rule| {
                let unkindness = &rule.record.behaviour.unkindness;
                let found = (rule.number, unkindness.clone());
                rule.is_turn(draws).then_some(found)
            })
    }

    fn count(&mut self, number: u64) {
        for rule in &mut self.active {
            if rule.number == number {
                rule.record.fired += 1;
            }
        }
        self.active.retain(|rule| {
            let times = rule.record.behaviour.scope.times;
            times.is_none_or(|times| rule.record.fired < times)
        });
    }

    fn drop_ended(&mut self, now: Timestamp) {
        self.active.retain(|rule| {
            let end = rule.record.behaviour.scope.until;
            end.is_none_or(|end| now < end)
        });
    }
}

impl Rule {
    /// Counts a matching request, and decides whether it is affected.
    fn is_turn(&mut self, draws: &mut Ids) -> bool {
        self.record.matched += 1;
        let scope = &self.record.behaviour.scope;
        let is_nth = scope
            .every
            .is_none_or(|every| self.record.matched.is_multiple_of(every));
        is_nth
            && scope
                .per_mille
                .is_none_or(|chance| draws.draw_below(1000) < chance)
    }
}

impl Behaviour {
    fn affects(&self, target: Target<'_>) -> bool {
        let scope = &self.scope;
        scope.operation.is_none_or(|call| call == target.call)
            && scope
                .order
                .as_deref()
                .is_none_or(|order| target.order == Some(order))
            && self.unkindness.suits(target.call)
    }
}

impl Unkindness {
    /// Whether the behaviour can affect a call at all.
    fn suits(&self, call: Call) -> bool {
        let operation = call.operation();
        let suits = |suits: fn(Operation) -> bool| operation.is_some_and(suits);
        match self {
            Self::ForgetsOrders { .. } => {
                suits(|it| matches!(it, Operation::ShowOrder | Operation::AuthorizeOrder))
            }
            Self::Stale { .. } => suits(|it| !it.is_write()),
            Self::ForgetsRequestIds { .. } => suits(Operation::is_write),
            Self::ReplaysCreated {} => suits(|it| it.is_write() && it != Operation::Void),
            Self::Restricted {} => suits(|it| it.is_write() && it != Operation::Void),
            Self::WrongApp {} => suits(|it| it != Operation::CreateOrder),
            Self::Change { .. }
            | Self::Minimal {}
            | Self::Outcome(_)
            | Self::Decline { .. }
            | Self::Reauthorizations { .. } => operation.is_some(),
            Self::Revoked {} => call != Call::Certificate,
            Self::Refuse { .. } | Self::Page { .. } | Self::RateLimit { .. } => true,
        }
    }
}

/// A behaviour that an operation may use.
struct Use {
    found: Option<(u64, Unkindness)>,
    is_used: Cell<bool>,
}

impl Use {
    const fn new(found: Option<(u64, Unkindness)>) -> Self {
        Self {
            found,
            is_used: Cell::new(false),
        }
    }

    fn take(&self) -> Option<&Unkindness> {
        let (_, unkindness) = self.found.as_ref()?;
        self.is_used.set(true);
        Some(unkindness)
    }

    fn used(&self) -> Option<(u64, &Unkindness)> {
        let (number, unkindness) = self.found.as_ref().filter(|_| self.is_used.get())?;
        Some((*number, unkindness))
    }
}

/// The behaviours that one operation consults.
pub(in crate::paypal) struct Unkind {
    forgets: Use,
    decline: Use,
    outcome: Use,
    forgets_request_ids: Use,
    reauthorizations: Use,
}

impl Unkind {
    /// The issue with which a new effect is declined.
    pub(in crate::paypal) fn take_decline(&self) -> Option<String> {
        match self.decline.take() {
            Some(Unkindness::Decline { issue }) => Some(issue.clone()),
            _ => None,
        }
    }

    /// The outcome of a new effect.
    pub(in crate::paypal) fn take_outcome(&self) -> Option<Outcome> {
        match self.outcome.take() {
            Some(Unkindness::Outcome(outcome)) => Some(outcome.clone()),
            _ => None,
        }
    }

    /// Whether an order that nobody authorized is forgotten. `opened` is the beginning of its life.
    pub(in crate::paypal) fn forgets_order(
        &self,
        is_approved: bool,
        life_began: Timestamp,
        default_life: SignedDuration,
        now: Timestamp,
    ) -> bool {
        let Some((_, Unkindness::ForgetsOrders { after, approved })) = &self.forgets.found else {
            return false;
        };
        let end = saturating_add(life_began, after.unwrap_or(default_life));
        let is_forgotten = now >= end && (*approved || !is_approved);
        if is_forgotten {
            self.forgets.take();
        }
        is_forgotten
    }

    /// Whether a request id is new again, `age` after its request.
    pub(in crate::paypal) fn forgets_request_id(&self, age: SignedDuration) -> bool {
        let Some((_, Unkindness::ForgetsRequestIds { after })) = &self.forgets_request_ids.found
        else {
            return false;
        };
        let is_forgotten = age >= *after;
        if is_forgotten {
            self.forgets_request_ids.take();
        }
        is_forgotten
    }

    /// Whether orders list reauthorizations, and the status of a reauthorized original.
    pub(in crate::paypal) fn reauthorizations(&self) -> Option<(bool, PaymentStatus)> {
        match self.reauthorizations.take() {
            Some(Unkindness::Reauthorizations {
                listed, original, ..
            }) => Some((*listed, *original)),
            _ => None,
        }
    }

    /// Whether an original can be reauthorized more than once.
    pub(in crate::paypal) fn allows_many_reauthorizations(&self) -> bool {
        matches!(
            self.reauthorizations.found,
            Some((_, Unkindness::Reauthorizations { many: true, .. }))
        )
    }
}
