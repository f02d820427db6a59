//! Refunds: captured money returned to the payer.

mod operations;
pub(in crate::paypal) mod representation;

pub(in crate::paypal) use self::operations::RefundInput;

use super::{
    course::{Course, PaymentStatus},
    money::Money,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A refund. It completes at once, unless a behaviour gives it another course.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Refund {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) capture_id: String,
    pub(in crate::paypal) amount: Money,
    /// None for a refund that completed at once.
    #[serde(default)]
    course: Option<Course>,
    /// The sum of the capture's refunds, up to and including this one.
    #[serde(rename = "total")]
    running_total: Decimal,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    note_to_payer: Option<String>,
    pub(in crate::paypal) created_at: Timestamp,
}

impl Refund {
    pub(in crate::paypal) fn status(&self, now: Timestamp) -> PaymentStatus {
        self.course
            .as_ref()
            .map_or(PaymentStatus::Completed, |course| course.status(now))
    }

    /// Whether an order lists the refund.
    pub(in crate::paypal) fn is_listed(&self, now: Timestamp) -> bool {
        let is_unlisted = self.course.as_ref().is_some_and(|it| it.is_unlisted);
        !is_unlisted || self.status(now) == PaymentStatus::Completed
    }

    pub(in crate::paypal) fn decide(&mut self, status: PaymentStatus, now: Timestamp) {
        self.course
            .get_or_insert(Course::constant(PaymentStatus::Pending))
            .decide(status, now);
    }

    /// The time of the latest change.
    fn updated_at(&self, now: Timestamp) -> Timestamp {
        self.course
            .as_ref()
            .and_then(Course::decided_at)
            .filter(|decided_at| *decided_at <= now)
            .unwrap_or(self.created_at)
    }
}
