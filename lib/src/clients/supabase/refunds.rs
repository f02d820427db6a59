//! Refunds of captured money.

use super::{Database, DatabaseError};
use crate::domain::{
    money::{Amount, Currency, Money},
    payment::CallFailure,
};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// The arguments of `order_refund`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefundRequest<'a> {
    pub(crate) booking_id: Uuid,
    /// `None` refunds the rest of the capture.
    pub(crate) amount: Option<Amount>,
    /// The operator's key. Each key orders one refund.
    pub(crate) idempotency_key: Option<&'a str>,
    /// In the operator's words.
    pub(crate) reason: Option<&'a str>,
    /// For the audit log.
    pub(crate) actor: &'a str,
    /// For the audit log.
    pub(crate) request_id: &'a str,
}

/// A row of `refunds`.
#[derive(Debug, Deserialize)]
pub(crate) struct Refund {
    #[serde(rename = "refundId")]
    pub(crate) id: Uuid,
    #[serde(flatten)]
    pub(crate) money: Money,
    pub(crate) status: RefundState,
}

/// The state of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundState {
    /// PayPal has not refunded yet.
    Ordered,
    Refunded,
    /// PayPal refused for good.
    Refused,
}

/// The result of `order_refund`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundOrder {
    /// The refund is ordered, by this call or an earlier one with the same key.
    #[serde(alias = "replayed")]
    Ordered(Refund),
    Refused(RefundRefusal),
}

/// The reason that a refund is not ordered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundRefusal {
    /// The key has ordered a refund of another amount.
    IdempotencyKeyReused,
    /// The amount is more than the rest of the capture.
    RefundExceedsRest {
        rest: Amount,
        currency: Currency,
    },
    NotCaptured,
    BookingNotFound,
}

/// The result of `begin_refund`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundStart {
    /// PayPal has to refund.
    Refund(RefundClaim),
    /// Another request has the claim.
    PaymentInProgress,
    /// PayPal has refunded, or has refused for good.
    NothingToDo(Refund),
}

/// A refund that this request may make.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundClaim {
    pub(crate) payment_id: Uuid,
    pub(crate) capture_id: String,
    #[serde(flatten)]
    pub(crate) money: Money,
    /// The `PayPal-Request-Id` of the refund.
    pub(crate) request_id: String,
    /// From 1.
    pub(crate) attempt: u32,
}

/// The result of `record_refund`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundRecord {
    /// The refund is recorded, by this call or an earlier one.
    #[serde(alias = "replayed")]
    Recorded(Refund),
}

impl Database<'_> {
    /// Orders a refund, once for each key.
    pub(crate) async fn order_refund(
        &self,
        request: &RefundRequest<'_>,
    ) -> Result<RefundOrder, DatabaseError> {
        let arguments = serde_json::json!({
            "p_booking_id": request.booking_id,
            "p_actor": request.actor,
            "p_amount": request.amount,
            "p_idempotency_key": request.idempotency_key,
            "p_reason": request.reason,
            "p_request_id": request.request_id,
            "p_now": self.platform.now(),
        });
        self.call_outcome("order_refund", &arguments).await
    }

    /// Claims a refund, to make it.
    pub(crate) async fn begin_refund(&self, refund: Uuid) -> Result<RefundStart, DatabaseError> {
        let arguments = serde_json::json!({ "p_refund_id": refund, "p_now": self.platform.now() });
        self.call_outcome("begin_refund", &arguments).await
    }

    /// Records that PayPal refunded. Counts even when the claim was lost.
    pub(crate) async fn record_refund(
        &self,
        refund: Uuid,
        request_id: &str,
        paypal_refund_id: &str,
    ) -> Result<Refund, DatabaseError> {
        let arguments = serde_json::json!({
            "p_refund_id": refund,
            "p_request_id": request_id,
            "p_paypal_refund_id": paypal_refund_id,
            "p_now": self.platform.now(),
        });
        let RefundRecord::Recorded(refund) = self.call_outcome("record_refund", &arguments).await?;
        Ok(refund)
    }

    /// Records that PayPal did not refund or gave no response, and the time of the next attempt.
    pub(crate) async fn record_refund_failure(
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

    /// Up to `limit` refunds that are ordered, due and not claimed.
    pub(crate) async fn refunds_due(&self, limit: u32) -> Result<Vec<Uuid>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("refunds_due", &arguments).await
    }
}

#[cfg(test)]
mod tests {
    use super::{super::outcome::decode_value, *};
    use serde_json::{Value, json};

    fn refund(outcome: &str) -> Value {
        json!({
            "outcome": outcome, "refundId": Uuid::nil(), "paymentId": Uuid::nil(),
            "bookingId": Uuid::nil(), "amount": "20.00", "currency": "USD", "status": "ordered",
            "paypalRefundId": null, "failureCode": null,
        })
    }

    #[test]
    fn reused_key_is_a_refusal() {
        for outcome in ["ordered", "replayed"] {
            let RefundOrder::Ordered(refund) = decode_value(refund(outcome)).unwrap() else {
                panic!("{outcome} refused");
            };
            assert_eq!(refund.status, RefundState::Ordered);
            assert_eq!(refund.money.amount.to_string(), "20.00");
        }
        let reused = decode_value(refund("idempotency_key_reused")).unwrap();
        assert!(matches!(
            reused,
            RefundOrder::Refused(RefundRefusal::IdempotencyKeyReused)
        ));
        assert!(decode_value::<RefundOrder>(refund("recorded")).is_err());
    }

    #[test]
    fn claim_carries_request_id_and_attempt() {
        let mut claim = refund("refund");
        claim["requestId"] = json!("P:refund:1");
        claim["captureId"] = json!("C");
        claim["attempt"] = json!(2);
        let RefundStart::Refund(claim) = decode_value(claim).unwrap() else {
            panic!("not claimed");
        };
        assert_eq!(
            (claim.request_id.as_str(), claim.attempt),
            ("P:refund:1", 2)
        );
        assert!(matches!(
            decode_value(refund("nothing_to_do")).unwrap(),
            RefundStart::NothingToDo(Refund {
                status: RefundState::Ordered,
                ..
            })
        ));
        assert!(matches!(
            decode_value(refund("payment_in_progress")).unwrap(),
            RefundStart::PaymentInProgress
        ));
    }
}
