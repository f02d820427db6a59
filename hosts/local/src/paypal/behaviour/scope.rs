//! The requests that a behaviour affects, and its end.

use super::{Behaviour, Call, Unkindness};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The scope of a [`Behaviour`]. The default is every request, for ever.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    /// Only this operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Call>,
    /// Only the payments of this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Ends after so many responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Each n-th matching request only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// The chance of each matching request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_mille: Option<u64>,
    /// The end by the simulated clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The end as a duration since the behaviour was set.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<SignedDuration>,
}

/// The members of a scope in JSON.
pub(super) const MEMBERS: [&str; 7] = [
    "operation",
    "order",
    "times",
    "every",
    "perMille",
    "until",
    "for",
];

impl Behaviour {
    /// A behaviour towards every request, for ever.
    #[must_use]
    pub fn new(unkindness: Unkindness) -> Self {
        Self {
            unkindness,
            scope: Scope::default(),
        }
    }

    /// Only towards this operation.
    #[must_use]
    pub fn only(mut self, call: impl Into<Call>) -> Self {
        self.scope.operation = Some(call.into());
        self
    }

    /// Only towards the payments of this order.
    #[must_use]
    pub fn of_order(mut self, order: &str) -> Self {
        self.scope.order = Some(order.to_owned());
        self
    }

    /// Ends after so many responses.
    #[must_use]
    pub const fn times(mut self, times: u64) -> Self {
        self.scope.times = Some(times);
        self
    }

    /// Affects each n-th matching request only.
    #[must_use]
    pub const fn every(mut self, every: u64) -> Self {
        self.scope.every = Some(every);
        self
    }

    /// Affects a matching request with this chance. The simulator's seed decides.
    #[must_use]
    pub const fn per_mille(mut self, chance: u64) -> Self {
        self.scope.per_mille = Some(chance);
        self
    }

    /// Ends at this moment of the simulated clock.
    #[must_use]
    pub const fn until(mut self, end: Timestamp) -> Self {
        self.scope.until = Some(end);
        self
    }

    /// Ends so long after it was set.
    #[must_use]
    pub const fn lasting(mut self, duration: SignedDuration) -> Self {
        self.scope.lasting = Some(duration);
        self
    }

    /// The way in which PayPal is unkind.
    #[must_use]
    pub const fn unkindness(&self) -> &Unkindness {
        &self.unkindness
    }
}
