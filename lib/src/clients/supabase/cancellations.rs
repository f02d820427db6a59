//! Giving bookings up.

use super::{Database, DatabaseError, TouchedCar};
use crate::domain::money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What `cancel_booking` decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelOutcome {
    /// It is cancelled.
    Cancelled,
    /// It was cancelled before.
    AlreadyCancelled,
    /// No booking of ours has this id.
    BookingNotFound,
    /// It is over, or its first day has come and the customer asks.
    BookingNotCancellable,
    /// Its money is being taken at this moment.
    PaymentInProgress,
    /// Its money is taken, and only a void was asked for.
    AlreadyCaptured,
}

/// What has become of the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Nothing was paid, or nothing is given back.
    None,
    /// The authorization was given back, or the part of it that is not kept.
    Voided,
    /// PayPal is still to be asked, or to answer.
    Pending,
    /// It was refunded.
    Refunded,
}

/// What is to be done at PayPal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Nothing.
    None,
    /// Void the authorization.
    Void,
    /// Capture the part that is kept.
    Capture,
    /// Make the refund that is ordered.
    Refund,
}

/// The answer of `cancel_booking`. What follows `outcome` is there for the first two.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// What was decided.
    pub outcome: CancelOutcome,
    /// What the policy gives back, of a hundred.
    pub percent: Option<u32>,
    /// How much that is.
    pub amount: Option<Amount>,
    /// Of what.
    pub currency: Option<Currency>,
    /// What has become of it.
    pub refund_status: Option<RefundStatus>,
    /// What is to be done.
    pub settlement: Option<Settlement>,
    /// Our payment.
    pub payment_id: Option<Uuid>,
    /// The authorization to void.
    pub authorization_id: Option<String>,
    /// The refund to make.
    pub refund_id: Option<Uuid>,
    /// The car, whose days are free again.
    #[serde(flatten)]
    pub car: Option<TouchedCar>,
}

/// Who wants a booking cancelled, and why.
#[derive(Clone, Copy, Debug)]
pub struct CancelRequest<'a> {
    /// Our booking.
    pub booking: Uuid,
    /// For the audit log.
    pub actor: &'a str,
    /// An operator gives everything back and may cancel what has begun.
    pub by_operator: bool,
    /// Only while nothing is captured.
    pub void_only: bool,
    /// In the customer's or operator's words.
    pub reason: Option<&'a str>,
    /// For the audit log.
    pub request_id: &'a str,
}

impl Database<'_> {
    /// Cancels a booking, and writes down what is owed for it. Safe to repeat.
    pub async fn cancel_booking(
        &self,
        request: &CancelRequest<'_>,
    ) -> Result<Cancellation, DatabaseError> {
        let arguments = serde_json::json!({
            "p_booking_id": request.booking,
            "p_actor": request.actor,
            "p_reason": request.reason,
            "p_by_operator": request.by_operator,
            "p_void_only": request.void_only,
            "p_request_id": request.request_id,
            "p_now": self.platform.now(),
        });
        self.call("cancel_booking", &arguments).await
    }
}
