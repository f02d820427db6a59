//! Behaviours: ways in which the real PayPal is less kind than this simulator is by default.
//!
//! A [`Behaviour`] is an [`Unkindness`] with a scope. [`Simulator::set_behaviour`] puts it into
//! force beside the others, and `POST /_local/paypal/behaviour` takes it as JSON. Behaviours live
//! in memory: a restart is kind again.
//!
//! ```json
//! {"kind": "decline", "operation": "authorizations.capture",
//!  "issue": "PAYER_CANNOT_PAY", "times": 1}
//! {"kind": "outcome", "operation": "authorizations.capture",
//!  "status": "PENDING", "reason": "ECHECK", "after": "PT72H", "then": "DECLINED"}
//! {"kind": "page", "operation": "authorizations.void", "status": 502, "for": "PT3H"}
//! ```
//!
//! | kind | members, `?` optional | effect |
//! |---|---|---|
//! | `forgets_orders` | `after?` (`PT3H`), `approved?` | orders without approval become 404 |
//! | `forgets_request_ids` | `after` (`PT6H`) | a `PayPal-Request-Id` is new again |
//! | `replays_created` | | a repeated write is 201 like the first, instead of 200 |
//! | `outcome` | the members of [`Outcome`] | status of what is created |
//! | `decline` | `issue` | 422 instead of an effect that is otherwise possible |
//! | `refuse` | `status?`, `issue?`, `name?`, `afterEffect?` | an error, instead or afterwards |
//! | `restricted` | | writes that move money to the merchant are 422 `PAYEE_ACCOUNT_RESTRICTED` |
//! | `revoked` | | tokens and calls are 401 |
//! | `wrong_app` | | every resource is 404 `INVALID_RESOURCE_ID` |
//! | `page` | `status`, `body?`, `afterEffect?` | a page of HTML |
//! | `rate_limit` | `retryAfterSeconds?`, `asDate?` | 429 |
//! | `change` | `remove?`, `set?` | members of a successful response are removed or replaced |
//! | `minimal` | | `{id, status, links}` whatever was preferred, 204 for a void |
//! | `stale` | `by` (`PT60S`) | reads show the state as it was |
//! | `reauthorizations` | `listed?`, `original?`, `many?` | reauthorizations: shown, and how many |
//!
//! Scope, each member optional:
//!
//! | member | meaning |
//! |---|---|
//! | `operation` | PayPal's `operationId`, `oauth2.token` or `certs.get` |
//! | `order` | only the payments of this order |
//! | `times` | ends after so many responses |
//! | `every` | each n-th matching request only |
//! | `perMille` | chance, drawn from the simulator's seed |
//! | `until` or `for` | end by the simulated clock |
//!
//! - A name in `remove` and `set` is a JSON pointer with `*` for any item, or the bare name of a
//!   member anywhere in the body.
//! - `refuse` derives the status from the issue, and PayPal's name from the status. The empty name
//!   leaves the member out.
//! - Without an `operation`, `refuse`, `revoked`, `page` and `rate_limit` also affect tokens, the
//!   verification of webhooks and, except `revoked`, their certificate.
//! - The first behaviour that replaces the response wins. A request that was processed before is
//!   replayed, so `decline` and `outcome` affect only a new effect.
//! - Operations that hang are a fault of the connection: `POST /_local/faults` with the kind
//!   `delay` and the path `/void`.

mod calls;
mod change;
mod forms;
mod responses;
mod rules;
mod scope;
mod simulator;

pub use self::{
    calls::Call,
    forms::{BehaviourError, BehaviourRecord},
    scope::Scope,
};
pub(super) use self::{
    responses::{Answer, AnswerBody, ErrorContext},
    rules::{Rules, Target, Unkind},
};

use super::course::{Outcome, PaymentStatus};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One way in which PayPal is unkind. The head of this module lists them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Unkindness {
    /// `GET` and `authorize` of an order are 404 once its life is over without an approval.
    ForgetsOrders {
        /// The life of an order since it was created or its page opened. 3 hours by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<SignedDuration>,
        /// Also orders that were approved, but not authorized.
        #[serde(default)]
        approved: bool,
    },
    /// A `PayPal-Request-Id` is forgotten earlier than after 45 days (6 hours for orders).
    ForgetsRequestIds {
        /// The time since the request.
        after: SignedDuration,
    },
    /// A repeated write returns 201 like the first, instead of 200.
    ReplaysCreated {},
    /// The outcome of `orders.authorize`, `authorizations.capture` or `captures.refund`.
    Outcome(Outcome),
    /// 422 instead of an effect that is otherwise possible.
    Decline {
        /// Such as `PAYER_CANNOT_PAY`.
        issue: String,
    },
    /// An error in PayPal's format.
    Refuse {
        /// Follows from the issue by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Follows from the status by default. The empty name leaves the member out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// No `details` by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issue: Option<String>,
        /// The operation takes effect first.
        #[serde(default)]
        after_effect: bool,
    },
    /// 422 `PAYEE_ACCOUNT_RESTRICTED` to all writes but voids.
    Restricted {},
    /// 401 `invalid_client` to token requests, 401 `invalid_token` to the others.
    Revoked {},
    /// 404 `INVALID_RESOURCE_ID` for every resource.
    WrongApp {},
    /// A page of HTML.
    Page {
        /// The HTTP status.
        status: u16,
        /// A short page by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// The operation takes effect first.
        #[serde(default)]
        after_effect: bool,
    },
    /// 429 `RATE_LIMIT_REACHED`.
    RateLimit {
        /// No `Retry-After` by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u32>,
        /// `Retry-After` is an HTTP date by the simulated clock.
        #[serde(default)]
        as_date: bool,
    },
    /// Changes successful responses.
    Change {
        /// Pointers or names of the members to remove.
        #[serde(default)]
        remove: Vec<String>,
        /// Values by pointer or name. A name replaces existing members only.
        #[serde(default)]
        set: Map<String, Value>,
    },
    /// `{id, status, links}` in spite of `Prefer: return=representation`.
    Minimal {},
    /// Reads show the state as it was.
    Stale {
        /// The age of the state.
        by: SignedDuration,
    },
    /// How orders and authorizations show a reauthorization.
    Reauthorizations {
        /// Whether the order lists reauthorizations. True by default.
        #[serde(default = "yes")]
        listed: bool,
        /// The status of an original that was reauthorized and has no capture: `CREATED` (default)
        /// or `VOIDED`.
        #[serde(default = "created")]
        original: PaymentStatus,
        /// Whether the original can be reauthorized after each honor period, instead of once.
        #[serde(default)]
        many: bool,
    },
}

const fn yes() -> bool {
    true
}

const fn created() -> PaymentStatus {
    PaymentStatus::Created
}

impl Unkindness {
    /// 422 with an issue, such as `PAYER_CANNOT_PAY`, `INSTRUMENT_DECLINED` or
    /// `TRANSACTION_REFUSED`.
    #[must_use]
    pub fn decline(issue: &str) -> Self {
        Self::Decline {
            issue: issue.to_owned(),
        }
    }

    /// An error with an issue, such as `PERMISSION_DENIED` (403), `INVALID_RESOURCE_ID` (404),
    /// `PREVIOUS_REQUEST_IN_PROGRESS` (409) or `PAYEE_ACCOUNT_RESTRICTED` (422).
    #[must_use]
    pub fn refuse(issue: &str) -> Self {
        Self::Refuse {
            status: None,
            name: None,
            issue: Some(issue.to_owned()),
            after_effect: false,
        }
    }

    /// An error without an issue, such as 500, or 409 with the name `RESOURCE_CONFLICT` alone.
    #[must_use]
    pub const fn error(status: u16, after_effect: bool) -> Self {
        Self::Refuse {
            status: Some(status),
            name: None,
            issue: None,
            after_effect,
        }
    }

    /// A page of HTML instead of an effect.
    #[must_use]
    pub const fn page(status: u16) -> Self {
        Self::Page {
            status,
            body: None,
            after_effect: false,
        }
    }

    /// Removes members of successful responses.
    #[must_use]
    pub fn without(members: &[&str]) -> Self {
        Self::Change {
            remove: members.iter().map(|member| (*member).to_owned()).collect(),
            set: Map::new(),
        }
    }

    /// Sets a member of successful responses.
    #[must_use]
    pub fn with(member: &str, value: Value) -> Self {
        Self::Change {
            remove: Vec::new(),
            set: Map::from_iter([(member.to_owned(), value)]),
        }
    }

    /// The `kind` in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ForgetsOrders { .. } => "forgets_orders",
            Self::ForgetsRequestIds { .. } => "forgets_request_ids",
            Self::ReplaysCreated {} => "replays_created",
            Self::Outcome(_) => "outcome",
            Self::Decline { .. } => "decline",
            Self::Refuse { .. } => "refuse",
            Self::Restricted {} => "restricted",
            Self::Revoked {} => "revoked",
            Self::WrongApp {} => "wrong_app",
            Self::Page { .. } => "page",
            Self::RateLimit { .. } => "rate_limit",
            Self::Change { .. } => "change",
            Self::Minimal {} => "minimal",
            Self::Stale { .. } => "stale",
            Self::Reauthorizations { .. } => "reauthorizations",
        }
    }
}

/// An [`Unkindness`] with its scope.
///
/// ```
/// # use exodrive_local::paypal::{Behaviour, Operation, Unkindness};
/// let behaviour = Behaviour::new(Unkindness::decline("PAYER_CANNOT_PAY"))
///     .only(Operation::Capture)
///     .times(1);
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Behaviour {
    pub(super) unkindness: Unkindness,
    pub(super) scope: Scope,
}
