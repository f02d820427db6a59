//! Behaviours as JSON, and their validation.

use super::{
    Behaviour, Call, Unkindness,
    scope::{MEMBERS, Scope},
};
use crate::paypal::{course::PaymentStatus, operation::Operation};
use serde::{Serialize, de::Error as _};
use serde_json::{Map, Value};

/// The reason why a behaviour is impossible.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct BehaviourError(pub(super) String);

/// A behaviour in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BehaviourRecord {
    /// The behaviour as it was set. A duration is its end.
    #[serde(flatten)]
    pub behaviour: Behaviour,
    /// The requests that its scope met.
    pub matched: u64,
    /// The responses that it affected.
    pub fired: u64,
}

impl TryFrom<Map<String, Value>> for Behaviour {
    type Error = BehaviourError;

    fn try_from(mut members: Map<String, Value>) -> Result<Self, BehaviourError> {
        let scope: Map<String, Value> = MEMBERS
            .iter()
            .filter_map(|name| members.remove_entry(*name))
            .collect();
        let malformed = |error: serde_json::Error| BehaviourError(error.to_string());
        let behaviour = Self {
            scope: Scope::deserialize_map(scope).map_err(malformed)?,
            unkindness: serde_json::from_value(members.into()).map_err(malformed)?,
        };
        behaviour.check()?;
        Ok(behaviour)
    }
}

impl Scope {
    fn deserialize_map(members: Map<String, Value>) -> serde_json::Result<Self> {
        // Null is "not given" to serde, and a typing error to a test.
        if let Some((name, _)) = members.iter().find(|(_, value)| value.is_null()) {
            return Err(serde_json::Error::custom(format!(
                "{name} must not be null"
            )));
        }
        serde_json::from_value(members.into())
    }
}

impl From<Behaviour> for Map<String, Value> {
    fn from(behaviour: Behaviour) -> Self {
        let parts = [
            serde_json::to_value(behaviour.unkindness),
            serde_json::to_value(behaviour.scope),
        ];
        parts
            .into_iter()
            .filter_map(|part| match part {
                Ok(Value::Object(members)) => Some(members),
                _ => None,
            })
            .flatten()
            .collect()
    }
}

impl Behaviour {
    /// Refuses what could never happen.
    pub(super) fn check(&self) -> Result<(), BehaviourError> {
        let problem = self.scope_problem().or_else(|| self.problem());
        problem.map_or(Ok(()), |problem| Err(BehaviourError(problem.to_owned())))
    }

    fn scope_problem(&self) -> Option<&'static str> {
        let Scope {
            times,
            every,
            per_mille,
            until,
            lasting,
            ..
        } = &self.scope;
        if *times == Some(0) || *every == Some(0) {
            Some("times and every must be at least 1")
        } else if per_mille.is_some_and(|chance| !(1..=1000).contains(&chance)) {
            Some("perMille must be from 1 to 1000")
        } else if until.is_some() && lasting.is_some() {
            Some("until and for exclude each other")
        } else if lasting.is_some_and(|duration| !duration.is_positive()) {
            Some("for must be positive")
        } else {
            None
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let call = self.scope.operation;
        let operation = call.and_then(Call::operation);
        let is_other = call.is_some() && operation.is_none();
        match &self.unkindness {
            Unkindness::ForgetsOrders { after, .. } => {
                if after.is_some_and(|after| !after.is_positive()) {
                    return Some("after must be positive");
                }
                let reads_order =
                    |it| matches!(it, Operation::ShowOrder | Operation::AuthorizeOrder);
                let is_right = call.is_none() || operation.is_some_and(reads_order);
                (!is_right).then_some("orders are forgotten by orders.get and orders.authorize")
            }
            Unkindness::ForgetsRequestIds { after } if after.is_negative() => {
                Some("after must not be negative")
            }
            Unkindness::ForgetsRequestIds { .. } | Unkindness::ReplaysCreated {} => {
                let is_right = call.is_none() || operation.is_some_and(Operation::is_write);
                (!is_right).then_some("only writes have a request id")
            }
            Unkindness::Outcome(outcome) => outcome.problem(operation),
            Unkindness::Decline { issue } => {
                if operation.is_none_or(|operation| !operation.is_write()) {
                    return Some("operation must be one that writes");
                }
                name_problem(issue)
            }
            Unkindness::Stale { by } => {
                if !by.is_positive() {
                    return Some("by must be positive");
                }
                let is_right = call.is_none() || operation.is_some_and(|it| !it.is_write());
                (!is_right).then_some("only reads are stale")
            }
            Unkindness::Reauthorizations { original, .. } => {
                let is_known = matches!(original, PaymentStatus::Created | PaymentStatus::Voided);
                (!is_known).then_some("original must be CREATED or VOIDED")
            }
            Unkindness::Restricted {} | Unkindness::WrongApp {} | Unkindness::Minimal {} => {
                is_other.then_some("only operations on orders and payments are affected")
            }
            Unkindness::Change { remove, set } => {
                if remove.is_empty() && set.is_empty() {
                    return Some("a change needs remove or set");
                }
                is_other.then_some("only operations on orders and payments are changed")
            }
            response => response_problem(response),
        }
    }
}

/// The problem of a behaviour that replaces the response.
fn response_problem(unkindness: &Unkindness) -> Option<&'static str> {
    match unkindness {
        Unkindness::Refuse {
            status,
            issue,
            name,
            ..
        } => {
            if status.is_none() && issue.is_none() {
                return Some("an error needs a status or an issue");
            }
            if status.is_some_and(|status| !(400..=599).contains(&status)) {
                return Some("status must be from 400 to 599");
            }
            let name = name.as_deref().filter(|name| !name.is_empty());
            name.into_iter()
                .chain(issue.as_deref())
                .find_map(name_problem)
        }
        Unkindness::Page { status, .. } => {
            let has_body = (200..=599).contains(status) && !matches!(status, 204 | 205 | 304);
            (!has_body).then_some("status must be from 200 to 599 and allow a body")
        }
        Unkindness::RateLimit {
            retry_after_seconds: None,
            as_date: true,
        } => Some("asDate needs retryAfterSeconds"),
        _ => None,
    }
}

fn name_problem(name: &str) -> Option<&'static str> {
    let is_valid = (1..=255).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (!is_valid).then_some("issue and name must be capitals, digits and underscores")
}
