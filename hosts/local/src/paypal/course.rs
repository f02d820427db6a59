//! The course of a payment's status: the first status, and PayPal's decision at a later moment.
//!
//! One type serves authorizations, captures and refunds. A [`Outcome`] describes a course before it
//! begins, in a behaviour or in a scripted description.

use super::{operation::Operation, times::saturating_add, webhooks::events::EventType};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The status of an authorization, a capture or a refund, as far as PayPal's decisions set it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// An authorization that reserves money.
    Created,
    /// PayPal or a bank has not decided yet.
    Pending,
    /// A refused authorization.
    Denied,
    /// An authorization that PayPal voided.
    Voided,
    /// A capture or a refund that moved money.
    Completed,
    /// A capture that the bank or PayPal refused.
    Declined,
    /// A capture or a refund that failed.
    Failed,
    /// A refund that PayPal canceled.
    Cancelled,
}

impl PaymentStatus {
    /// PayPal's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Denied => "DENIED",
            Self::Voided => "VOIDED",
            Self::Completed => "COMPLETED",
            Self::Declined => "DECLINED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// The outcome of an operation that creates an authorization, a capture or a refund.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// The first status.
    pub status: PaymentStatus,
    /// `status_details.reason` while PENDING. `PENDING_REVIEW` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time from the creation to the decision. PENDING without it waits until PayPal's console
    /// decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SignedDuration>,
    /// The status from the decision on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<PaymentStatus>,
    /// The order never lists a refund that does not succeed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unlisted: bool,
    /// A capture that ends badly leaves the authorization open, as if nothing was captured.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reopens: bool,
    /// The events that report it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub events: Reports,
}

/// The events about a status that is not a success. The documentation and public reports disagree.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reports {
    /// `PAYMENT.CAPTURE.DECLINED`, `PAYMENT.REFUND.PENDING` and `PAYMENT.REFUND.FAILED`. An
    /// authorization's end is `PAYMENT.AUTHORIZATION.CREATED` or `VOIDED`.
    #[default]
    Usual,
    /// `PAYMENT.CAPTURE.DENIED`, and in addition `PAYMENT.REFUND.COMPLETED` and
    /// `PAYMENT.REFUND.CANCELLED`.
    Other,
    /// Only a success of captures and refunds is reported, and no decision on authorizations.
    Silent,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_default(reports: &Reports) -> bool {
    *reports == Reports::default()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Outcome {
    /// The first status is also the last.
    #[must_use]
    pub const fn of(status: PaymentStatus) -> Self {
        Self {
            status,
            reason: None,
            after: None,
            then: None,
            unlisted: false,
            reopens: false,
            events: Reports::Usual,
        }
    }

    /// PENDING until PayPal decides for `then`.
    #[must_use]
    pub fn pending(reason: &str, after: SignedDuration, then: PaymentStatus) -> Self {
        Self {
            reason: Some(reason.to_owned()),
            after: Some(after),
            then: Some(then),
            ..Self::of(PaymentStatus::Pending)
        }
    }

    /// The reason why this outcome is impossible for the operation.
    pub(super) fn problem(&self, operation: Option<Operation>) -> Option<&'static str> {
        use PaymentStatus as S;
        let statuses: &[S] = match operation {
            Some(Operation::AuthorizeOrder) => &[S::Created, S::Pending, S::Denied, S::Voided],
            Some(Operation::Capture) => &[S::Completed, S::Pending, S::Declined, S::Failed],
            Some(Operation::Refund) => &[S::Completed, S::Pending, S::Failed, S::Cancelled],
            _ => {
                return Some(
                    "operation must be orders.authorize, authorizations.capture or captures.refund",
                );
            }
        };
        let is_capture = operation == Some(Operation::Capture);
        if !statuses.contains(&self.status) {
            Some("the operation has no such status")
        } else if self.after.is_some() != self.then.is_some() {
            Some("after and then belong together")
        } else if self.then.is_some() && self.status != S::Pending {
            Some("only PENDING can end")
        } else if self.then == Some(S::Pending) {
            Some("then must not be PENDING")
        } else if self.then.is_some_and(|then| !statuses.contains(&then)) {
            Some("the operation has no such status at its end")
        } else if self.after.is_some_and(|after| !after.is_positive()) {
            Some("after must be positive")
        } else if self.unlisted && operation != Some(Operation::Refund) {
            Some("only refunds can be unlisted")
        } else if self.reopens && !is_capture {
            Some("reopens is for captures")
        } else if self.events == Reports::Other && operation == Some(Operation::AuthorizeOrder) {
            Some("authorizations have no other events")
        } else {
            None
        }
    }
}

/// The course of one authorization, capture or refund.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Course {
    first: PaymentStatus,
    reason: Option<String>,
    decision: Option<Decision>,
    #[serde(default)]
    pub(super) is_unlisted: bool,
    #[serde(default)]
    pub(super) reopens: bool,
    #[serde(default)]
    reports: Reports,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Decision {
    at: Timestamp,
    status: PaymentStatus,
}

impl Course {
    pub(super) fn begin(outcome: &Outcome, now: Timestamp) -> Self {
        let decision = outcome.after.zip(outcome.then);
        Self {
            first: outcome.status,
            reason: outcome.reason.clone(),
            decision: decision.map(|(after, status)| Decision {
                at: saturating_add(now, after),
                status,
            }),
            is_unlisted: outcome.unlisted,
            reopens: outcome.reopens,
            reports: outcome.events,
        }
    }

    /// The same status for ever.
    pub(super) const fn constant(status: PaymentStatus) -> Self {
        Self {
            first: status,
            reason: None,
            decision: None,
            is_unlisted: false,
            reopens: false,
            reports: Reports::Usual,
        }
    }

    /// A course in the format of older files.
    pub(super) fn legacy(reason: &str, decision: Option<(Timestamp, PaymentStatus)>) -> Self {
        Self {
            reason: Some(reason.to_owned()),
            decision: decision.map(|(at, status)| Decision { at, status }),
            ..Self::constant(PaymentStatus::Pending)
        }
    }

    pub(super) fn status(&self, now: Timestamp) -> PaymentStatus {
        match self.decision {
            Some(decision) if now >= decision.at => decision.status,
            _ => self.first,
        }
    }

    /// The reason of the time before the decision.
    pub(super) fn reason_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.reason.as_deref().unwrap_or(default)
    }

    pub(super) fn reason(&self) -> &str {
        self.reason_or("PENDING_REVIEW")
    }

    /// The moment of the decision, planned or made.
    pub(super) fn decided_at(&self) -> Option<Timestamp> {
        self.decision.map(|decision| decision.at)
    }

    /// The planned or made decision.
    pub(super) fn decision(&self) -> Option<(Timestamp, PaymentStatus)> {
        self.decision.map(|decision| (decision.at, decision.status))
    }

    /// Whether PayPal decided before `now`.
    pub(super) fn is_decided(&self, now: Timestamp) -> bool {
        self.decision.is_some_and(|decision| now >= decision.at)
    }

    /// Decides now, whatever was planned.
    pub(super) fn decide(&mut self, status: PaymentStatus, now: Timestamp) {
        self.decision = Some(Decision { at: now, status });
    }

    /// The event of an authorization after PayPal's decision.
    pub(super) fn authorization_event(&self, now: Timestamp) -> Option<EventType> {
        match (self.status(now), self.reports) {
            (_, Reports::Silent) => None,
            (PaymentStatus::Created, _) => Some(EventType::AuthorizationCreated),
            _ => Some(EventType::AuthorizationVoided),
        }
    }

    /// The event of a capture.
    pub(super) fn capture_event(&self, now: Timestamp) -> Option<EventType> {
        match (self.status(now), self.reports) {
            (PaymentStatus::Completed, _) => Some(EventType::CaptureCompleted),
            (_, Reports::Silent) => None,
            (PaymentStatus::Pending, _) => Some(EventType::CapturePending),
            (_, Reports::Other) => Some(EventType::CaptureDenied),
            (_, Reports::Usual) => Some(EventType::CaptureDeclined),
        }
    }

    /// The events of a refund.
    pub(super) fn refund_events(&self, now: Timestamp) -> &'static [EventType] {
        match (self.status(now), self.reports) {
            (PaymentStatus::Completed, Reports::Other) => {
                &[EventType::RefundCompleted, EventType::CaptureRefunded]
            }
            (PaymentStatus::Completed, _) => &[EventType::CaptureRefunded],
            (_, Reports::Silent) => &[],
            (PaymentStatus::Pending, _) => &[EventType::RefundPending],
            (PaymentStatus::Cancelled, Reports::Other) => &[EventType::RefundCancelled],
            _ => &[EventType::RefundFailed],
        }
    }
}
