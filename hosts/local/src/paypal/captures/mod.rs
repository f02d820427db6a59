//! Captures: money collected from an authorization.

mod operations;
mod representation;

pub(in crate::paypal) use self::operations::CaptureInput;

use super::{
    course::{Course, PaymentStatus},
    money::Money,
    webhooks::events::EventType,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The source of a capture's money, for readers of the ledger and for files without courses.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Funding {
    #[default]
    Balance,
    /// A review by PayPal that never ends.
    Review,
    /// An e-check, which the payer's bank accepts or refuses later.
    Check { decided_at: Timestamp, clears: bool },
}

/// Captured money that went back without a refund, because of a chargeback or a dispute.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Reversal {
    /// The event shows the reversal as a refund with this id, which no request finds.
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) at: Timestamp,
    pub(in crate::paypal) amount: Decimal,
}

/// A capture. The ledger stores its refunds separately.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Capture {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) order_id: String,
    /// The original authorization.
    pub(in crate::paypal) original_id: String,
    /// The id in the request's path: the original authorization or a reauthorization.
    pub(in crate::paypal) authorization_id: String,
    pub(in crate::paypal) amount: Money,
    #[serde(default)]
    funding: Funding,
    /// None for a capture that completed at once, and in older files.
    #[serde(default)]
    course: Option<Course>,
    /// Without a refund that the order lists.
    #[serde(default)]
    pub(in crate::paypal) reversals: Vec<Reversal>,
    /// Scripted by the purchase unit.
    pub(in crate::paypal) refuses_refunds: bool,
    /// The merchant sent `final_capture`.
    pub(in crate::paypal) is_final: bool,
    pub(in crate::paypal) custom_id: Option<String>,
    invoice_id: Option<String>,
    pub(in crate::paypal) created_at: Timestamp,
    pub(in crate::paypal) updated_at: Timestamp,
}

impl Funding {
    fn of(course: Option<&Course>, now: Timestamp) -> Self {
        let Some(course) = course else {
            return Self::Balance;
        };
        let is_good = |status| status == PaymentStatus::Completed;
        match (course.status(now), course.decision()) {
            (PaymentStatus::Pending, None) => Self::Review,
            (PaymentStatus::Pending, Some((decided_at, status))) => Self::Check {
                decided_at,
                clears: is_good(status),
            },
            (PaymentStatus::Completed, _) => Self::Balance,
            _ => Self::Check {
                decided_at: now,
                clears: false,
            },
        }
    }
}

impl Capture {
    pub(in crate::paypal) fn course(&self) -> Cow<'_, Course> {
        if let Some(course) = &self.course {
            return Cow::Borrowed(course);
        }
        Cow::Owned(match self.funding {
            Funding::Balance => Course::constant(PaymentStatus::Completed),
            Funding::Review => Course::constant(PaymentStatus::Pending),
            Funding::Check { decided_at, clears } => {
                let status = if clears {
                    PaymentStatus::Completed
                } else {
                    PaymentStatus::Declined
                };
                Course::legacy("ECHECK", Some((decided_at, status)))
            }
        })
    }

    /// The status without refunds.
    pub(in crate::paypal) fn status(&self, now: Timestamp) -> PaymentStatus {
        self.course().status(now)
    }

    /// Whether the capture counts against its authorization.
    pub(in crate::paypal) fn counts(&self, now: Timestamp) -> bool {
        let has_failed = matches!(
            self.status(now),
            PaymentStatus::Declined | PaymentStatus::Failed
        );
        !(has_failed && self.course().reopens)
    }

    pub(in crate::paypal) fn decide(&mut self, status: PaymentStatus, now: Timestamp) {
        let mut course = self.course().into_owned();
        course.decide(status, now);
        self.funding = Funding::Check {
            decided_at: now,
            clears: status == PaymentStatus::Completed,
        };
        self.course = Some(course);
        self.updated_at = now;
    }

    /// The money that went back without a refund.
    pub(in crate::paypal) fn reversed_amount(&self) -> Decimal {
        self.reversals.iter().map(|reversal| reversal.amount).sum()
    }

    /// The capture as it was. None if it did not exist.
    pub(in crate::paypal) fn as_of(&self, time: Timestamp) -> Option<Self> {
        let mut past = self.clone();
        past.reversals.retain(|reversal| reversal.at <= time);
        past.updated_at = past.updated_at.min(time);
        (self.created_at <= time).then_some(past)
    }

    fn event_type(&self, now: Timestamp) -> Option<EventType> {
        self.course().capture_event(now)
    }
}
