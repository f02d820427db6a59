//! Taking the money that is held.

use super::{Database, DatabaseError};
use crate::domain::{
    money::{Amount, Currency, Money},
    observation::SeenAuthorization,
    payment::CallFailure,
};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// A due payment under our lease.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureClaim {
    /// Our payment.
    pub payment_id: Uuid,
    /// Our booking.
    pub booking_id: Uuid,
    /// What people call the booking.
    pub reference: String,
    /// Proves that the payment is ours to work on.
    pub lease: Uuid,
    /// PayPal's order.
    pub order_id: String,
    /// What to capture.
    pub authorization_id: String,
    /// How much: all, or the part that a cancellation leaves.
    pub amount: Amount,
    /// What was authorized, and what a renewal is of: whatever is cancelled between two attempts, one request id has one
    /// amount.
    pub authorized_amount: Amount,
    /// Of what.
    pub currency: Currency,
    /// From 1.
    pub attempt: u32,
    /// The `PayPal-Request-Id` of the capture.
    pub request_id: String,
    /// An earlier attempt with this id has no known outcome.
    pub resumed: bool,
    /// The `PayPal-Request-Id` of a reauthorization, when one is due first.
    pub reauthorize_request_id: Option<String>,
}

impl CaptureClaim {
    /// How much of what.
    #[must_use]
    pub fn money(&self) -> Money {
        Money {
            amount: self.amount,
            currency: self.currency,
        }
    }
}

/// What claiming one booking's payment came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimOutcome {
    /// It is ours to work on.
    Claimed,
    /// The money is taken.
    AlreadyCaptured,
    /// Somebody else is at it.
    PaymentInProgress,
    /// Nothing is authorized for a booking that stands.
    NotCapturable,
    /// Nothing is authorized that could be renewed.
    NotAuthorized,
    /// No booking of ours has this id.
    BookingNotFound,
}

/// The answer of `claim_payment_capture`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedCapture {
    /// What was decided.
    pub outcome: ClaimOutcome,
    /// The claim.
    pub claim: Option<CaptureClaim>,
    /// PayPal's capture, when the money is taken.
    pub capture_id: Option<String>,
}

/// An authorization to renew, under our lease.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Renewal {
    /// Our payment.
    pub payment_id: Uuid,
    /// Proves that the payment is ours to work on.
    pub lease: Uuid,
    /// What to renew.
    pub authorization_id: String,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
    /// The `PayPal-Request-Id` of the reauthorization.
    pub request_id: String,
}

/// The answer of `claim_reauthorization`.
#[derive(Debug, Deserialize)]
pub struct ClaimedReauthorization {
    /// What was decided.
    pub outcome: ClaimOutcome,
    /// The authorization to renew.
    #[serde(flatten)]
    pub renewal: Option<Renewal>,
}

impl CaptureClaim {
    /// The renewal that comes before the capture, when one is due.
    #[must_use]
    pub fn renewal(&self) -> Option<Renewal> {
        Some(Renewal {
            payment_id: self.payment_id,
            lease: self.lease,
            authorization_id: self.authorization_id.clone(),
            amount: self.authorized_amount,
            currency: self.currency,
            request_id: self.reauthorize_request_id.clone()?,
        })
    }
}

#[derive(Deserialize)]
struct ReauthorizationRecord {
    outcome: LeaseOutcome,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LeaseOutcome {
    Recorded,
    LeaseLost,
}

impl Database<'_> {
    /// Claims up to `limit` payments whose capture is due. Nobody else gets them while the lease lasts.
    pub async fn claim_due_captures(&self, limit: u32) -> Result<Vec<CaptureClaim>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("process_scheduled_payment_captures", &arguments)
            .await
    }

    /// Claims the capture of one booking before its schedule.
    pub async fn claim_payment_capture(
        &self,
        booking: Uuid,
        actor: &str,
        request_id: &str,
    ) -> Result<ClaimedCapture, DatabaseError> {
        let arguments = self.order_of(booking, actor, request_id);
        self.call("claim_payment_capture", &arguments).await
    }

    /// Claims the authorization of one booking, to renew it.
    pub async fn claim_reauthorization(
        &self,
        booking: Uuid,
        actor: &str,
        request_id: &str,
    ) -> Result<ClaimedReauthorization, DatabaseError> {
        let arguments = self.order_of(booking, actor, request_id);
        self.call("claim_reauthorization", &arguments).await
    }

    fn order_of(&self, booking: Uuid, actor: &str, request_id: &str) -> serde_json::Value {
        serde_json::json!({
            "p_booking_id": booking,
            "p_actor": actor,
            "p_request_id": request_id,
            "p_now": self.platform.now(),
        })
    }

    /// Gives the lease of a renewal back.
    pub async fn release_payment(&self, renewal: &Renewal) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": renewal.payment_id,
            "p_lease": renewal.lease,
            "p_now": self.platform.now(),
        });
        self.call_raw("release_payment", &arguments).await.map(drop)
    }

    /// Notes the authorization that took the old one's place; `false` when another run has the payment by now.
    pub async fn record_reauthorization(
        &self,
        renewal: &Renewal,
        authorization: &SeenAuthorization,
    ) -> Result<bool, DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": renewal.payment_id,
            "p_lease": renewal.lease,
            "p_request_id": renewal.request_id,
            "p_authorization_id": authorization.id,
            "p_expires_at": authorization.expires_at,
            "p_now": self.platform.now(),
        });
        let record: ReauthorizationRecord = self.call("record_reauthorization", &arguments).await?;
        Ok(record.outcome == LeaseOutcome::Recorded)
    }

    /// Notes that the money was taken. Holds even when the lease was lost: what PayPal did is a fact.
    pub async fn record_capture(
        &self,
        claim: &CaptureClaim,
        capture_id: &str,
        amount: Amount,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": claim.payment_id,
            "p_lease": claim.lease,
            "p_request_id": claim.request_id,
            "p_capture_id": capture_id,
            "p_amount": amount,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_capture", &arguments).await.map(drop)
    }

    /// Notes that the money was not taken, or that nobody knows, and when to try again.
    pub async fn record_capture_failure(
        &self,
        claim: &CaptureClaim,
        code: &str,
        kind: CallFailure,
        retry_at: Timestamp,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": claim.payment_id,
            "p_lease": claim.lease,
            "p_request_id": claim.request_id,
            "p_error_code": code,
            "p_kind": kind,
            "p_retry_at": retry_at,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_capture_failure", &arguments)
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_is_of_all_that_was_authorized() {
        let claim: CaptureClaim = serde_json::from_value(serde_json::json!({
            "paymentId": Uuid::nil(), "bookingId": Uuid::nil(), "reference": "EXO-222222", "lease": Uuid::nil(),
            "orderId": "O", "authorizationId": "A", "amount": "118.80", "authorizedAmount": "237.60", "currency": "USD",
            "attempt": 1, "requestId": "P:capture:2", "resumed": false, "reauthorizeRequestId": "P:reauthorize:1",
        }))
        .unwrap();
        let renewal = claim.renewal().unwrap();
        assert_eq!(renewal.amount.to_string(), "237.60");
        assert_eq!(renewal.request_id, "P:reauthorize:1");
        assert_eq!(claim.money().amount.to_string(), "118.80");
    }
}
