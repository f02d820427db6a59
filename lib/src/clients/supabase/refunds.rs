//! Giving captured money back.

use super::{Database, DatabaseError};
use crate::domain::{
    money::{Amount, Currency, Money},
    payment::CallFailure,
};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// A refund that an operator orders.
#[derive(Clone, Copy, Debug)]
pub struct RefundRequest<'a> {
    /// Our booking.
    pub booking: Uuid,
    /// How much; all that is left when absent.
    pub amount: Option<Amount>,
    /// The operator's key: one refund each.
    pub idempotency_key: Option<&'a str>,
    /// In the operator's words.
    pub reason: Option<&'a str>,
    /// For the audit log.
    pub actor: &'a str,
    /// For the audit log.
    pub request_id: &'a str,
}

/// What became of a refund in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOutcome {
    /// It is ordered.
    Ordered,
    /// It was ordered before.
    Replayed,
    /// The key came before with another amount.
    IdempotencyKeyReused,
    /// More than is left of the capture.
    RefundExceedsRest,
    /// Nothing was captured for the booking.
    NotCaptured,
    /// No booking of ours has this id.
    BookingNotFound,
    /// Ask PayPal, with the request id given.
    Refund,
    /// Somebody else is at it.
    PaymentInProgress,
    /// It is made, refused or unknown.
    NothingToDo,
    /// It is recorded.
    Recorded,
}

/// A refund as the database tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundState {
    /// What was decided.
    pub outcome: RefundOutcome,
    /// Our refund.
    pub refund_id: Option<Uuid>,
    /// Our payment.
    pub payment_id: Option<Uuid>,
    /// Our booking.
    pub booking_id: Option<Uuid>,
    /// How much.
    pub amount: Option<Amount>,
    /// Of what.
    pub currency: Option<Currency>,
    /// `ordered`, `refunded` or `refused`.
    pub status: Option<String>,
    /// PayPal's refund.
    pub paypal_refund_id: Option<String>,
    /// Why it was refused, or is late.
    pub failure_code: Option<String>,
    /// The `PayPal-Request-Id`, to make it.
    pub request_id: Option<String>,
    /// What to refund.
    pub capture_id: Option<String>,
    /// From 1.
    #[serde(default)]
    pub attempt: u32,
    /// What is left to refund, when more was asked for.
    pub rest: Option<Amount>,
}

impl RefundState {
    /// How much of what.
    #[must_use]
    pub fn money(&self) -> Option<Money> {
        Some(Money {
            amount: self.amount?,
            currency: self.currency?,
        })
    }
}

impl Database<'_> {
    /// Orders a refund, once by its key.
    pub async fn order_refund(
        &self,
        request: &RefundRequest<'_>,
    ) -> Result<RefundState, DatabaseError> {
        let arguments = serde_json::json!({
            "p_booking_id": request.booking,
            "p_actor": request.actor,
            "p_amount": request.amount,
            "p_idempotency_key": request.idempotency_key,
            "p_reason": request.reason,
            "p_request_id": request.request_id,
            "p_now": self.platform.now(),
        });
        self.call("order_refund", &arguments).await
    }

    /// Takes the lease to make a refund, or says why not.
    pub async fn begin_refund(&self, refund: Uuid) -> Result<RefundState, DatabaseError> {
        let arguments = serde_json::json!({ "p_refund_id": refund, "p_now": self.platform.now() });
        self.call("begin_refund", &arguments).await
    }

    /// Notes that PayPal refunded.
    pub async fn record_refund(
        &self,
        refund: Uuid,
        request_id: &str,
        paypal_refund_id: &str,
    ) -> Result<RefundState, DatabaseError> {
        let arguments = serde_json::json!({
            "p_refund_id": refund,
            "p_request_id": request_id,
            "p_paypal_refund_id": paypal_refund_id,
            "p_now": self.platform.now(),
        });
        self.call("record_refund", &arguments).await
    }

    /// Notes that PayPal did not refund, or that nobody knows, and when to try again.
    pub async fn record_refund_failure(
        &self,
        refund: Uuid,
        request_id: &str,
        code: &str,
        kind: CallFailure,
        retry_at: Timestamp,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_refund_id": refund,
            "p_request_id": request_id,
            "p_error_code": code,
            "p_kind": kind,
            "p_retry_at": retry_at,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_refund_failure", &arguments)
            .await
            .map(drop)
    }

    /// Up to `limit` refunds that are ordered and that nobody is making.
    pub async fn refunds_due(&self, limit: u32) -> Result<Vec<Uuid>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("refunds_due", &arguments).await
    }
}
