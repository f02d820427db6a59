//! Differences that are recorded are gone. A capture may show first that the rest has ended.

use super::*;
use crate::domain::{
    booking_state::BookingState as B,
    observation::{CaptureStatus, Observation, RefundStatus},
    payment_fixtures::*,
    payment_record::{RecordedRefundStatus, reversal_id},
    payment_state::transition,
};
use proptest::{option, prelude::*, sample::select};
use uuid::Uuid;

const AUTHORIZATIONS: &[AuthorizationStatus] = &[
    AuthorizationStatus::Created,
    AuthorizationStatus::Captured,
    AuthorizationStatus::Denied,
    AuthorizationStatus::PartiallyCaptured,
    AuthorizationStatus::Voided,
    AuthorizationStatus::Pending,
    AuthorizationStatus::Unknown,
];
const CAPTURES: &[CaptureStatus] = &[
    CaptureStatus::Completed,
    CaptureStatus::Pending,
    CaptureStatus::Declined,
    CaptureStatus::Failed,
    CaptureStatus::PartiallyRefunded,
    CaptureStatus::Refunded,
    CaptureStatus::Unknown,
];
const REFUNDS: &[RefundStatus] = &[
    RefundStatus::Completed,
    RefundStatus::Pending,
    RefundStatus::Failed,
    RefundStatus::Cancelled,
    RefundStatus::Unknown,
];

/// Records a difference as the database does.
fn apply(record: &mut PaymentRecord, difference: &Difference) {
    if let Some(event) = difference.event(record) {
        record.status = transition(record.status, event).state(record.status);
    }
    match difference {
        Difference::Authorized(authorization)
        | Difference::AuthorizationPending(authorization)
        | Difference::Reopened(authorization) => {
            record.authorization_id = Some(authorization.id.clone());
            record.hold_ended = false;
        }
        Difference::Captured(capture, status) => {
            record
                .captures
                .retain(|recorded| recorded.capture_id != capture.id);
            record.captures.push(recorded_capture(&capture.id, *status));
        }
        Difference::HoldReturned(capture) => {
            let status = RecordedCaptureStatus::Declined;
            record
                .captures
                .retain(|recorded| recorded.capture_id != capture.id);
            record.captures.push(recorded_capture(&capture.id, status));
            record.hold_ended = false;
        }
        Difference::Refunded(refund) => {
            let id = Some(refund.paypal_id.as_str());
            record
                .refunds
                .retain(|recorded| recorded.paypal_refund_id.as_deref() != id);
            let sum = refund.amount.to_string();
            let mut row = recorded_refund(&refund.paypal_id, &sum, refund.status);
            row.refund_id = if refund.paypal_id == reversal_id("C") {
                Uuid::from_u128(8)
            } else {
                Uuid::from_u128(7)
            };
            record.refunds.push(row);
            let refunded = record
                .refunds
                .iter()
                .filter(|row| row.status == RecordedRefundStatus::Refunded);
            let sum = refunded.map(|row| row.amount.decimal()).sum();
            record.refunded_amount = crate::domain::money::Amount::from_decimal(sum).unwrap();
        }
        Difference::Ended(_) => record.hold_ended = true,
    }
}

fn observations() -> impl Strategy<Value = Observation> {
    let refunded = option::of((select(REFUNDS), 1_u32..=237));
    (
        select(AUTHORIZATIONS),
        option::of(select(CAPTURES)),
        refunded,
    )
        .prop_map(|(authorization, capture_status, refunded)| {
            let mut seen = observation(authorization, &[]);
            seen.captures
                .extend(capture_status.map(|status| capture("C", status)));
            seen.refunds
                .extend(refunded.map(|(status, sum)| refund("R", &sum.to_string(), status)));
            seen
        })
}

proptest! {
    #[test]
    fn recorded_differences_are_gone(
        status in select(PaymentState::ALL.as_slice()),
        first in observations(),
        second in observations(),
    ) {
        let mut record = if status.is_captured() {
            captured(status, B::Upcoming)
        } else {
            record(status, B::Upcoming)
        };
        for seen in [first, second] {
            for _ in 0..2 {
                for difference in differences(&record, &seen, at(NOW)) {
                    apply(&mut record, &difference);
                }
            }
            prop_assert_eq!(differences(&record, &seen, at(NOW)), []);
        }
    }
}
