//! Refunds of captured money.

use super::{Arguments, Database, DatabaseError};
use crate::domain::{
    money::{Amount, Currency, Money},
    observation,
    payment_record::RecordedRefundStatus,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `order_refund`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefundRequest<'a> {
    pub(crate) booking_id: Uuid,
    /// `None` refunds all that is left.
    pub(crate) amount: Option<Amount>,
    /// Must be the payment's. `None` if the operator names none.
    pub(crate) currency: Option<Currency>,
    /// The operator's key. Each key orders one refund.
    pub(crate) idempotency_key: Option<&'a str>,
    /// In the operator's words.
    pub(crate) reason: Option<&'a str>,
    /// For the audit log.
    pub(crate) actor: &'a str,
    /// For the audit log.
    pub(crate) request_id: &'a str,
}

/// A refund with its parts, one for each capture that it needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refund {
    /// The id of the first part.
    #[serde(rename = "refundId")]
    pub(crate) id: Uuid,
    /// The sum of all parts.
    #[serde(flatten)]
    pub(crate) money: Money,
    /// Ordered or pending while a part is, then refused if a part is.
    pub(crate) status: RefundState,
    /// The reason that a part is refused: PayPal's issue, or a code of ours.
    pub(crate) failure_code: Option<String>,
    pub(crate) parts: Vec<RefundPart>,
}

/// The part of a refund that comes from one capture.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundPart {
    #[serde(rename = "refundId")]
    pub(crate) id: Uuid,
    pub(crate) capture_id: String,
    pub(crate) amount: Amount,
    pub(crate) status: RefundState,
    pub(crate) failure_code: Option<String>,
}

/// The state of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundState {
    /// PayPal has not refunded yet.
    Ordered,
    /// PayPal has the refund, and has not moved the money yet.
    Pending,
    Refunded,
    /// PayPal refused for good, or the refund failed there.
    Refused,
}

/// A client reads an ordered refund as pending: in both states the money is on its way.
impl Serialize for RefundState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Ordered | Self::Pending => "pending",
            Self::Refunded => "refunded",
            Self::Refused => "refused",
        })
    }
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
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum RefundRefusal {
    /// The key has ordered a refund of another amount.
    IdempotencyKeyReused,
    /// The payment has this currency.
    CurrencyMismatch {
        currency: Currency,
    },
    /// The amount is more than what is left.
    RefundExceedsRest {
        rest: Amount,
        currency: Currency,
    },
    /// PayPal refunds a capture for 180 days. It still refunds `rest`.
    RefundWindowOver {
        rest: Amount,
        currency: Currency,
        /// The first end for a capture of the payment.
        refundable_until: Timestamp,
    },
    NotCaptured,
    /// PayPal reviews the capture.
    CapturePending,
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
    /// PayPal has the refund or has refused for good, or the 180 days are over.
    NothingToDo(Refund),
}

/// A part of a refund that this request may make.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundClaim {
    #[serde(rename = "refundId")]
    pub(crate) id: Uuid,
    pub(crate) payment_id: Uuid,
    pub(crate) capture_id: String,
    #[serde(flatten)]
    pub(crate) money: Money,
    /// The `PayPal-Request-Id` of the refund.
    pub(crate) request_id: String,
    /// From 1.
    pub(crate) attempt: u32,
}

/// The result of `record_refund` and `record_refund_failure`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundRecord {
    /// The outcome is recorded, by this call or an earlier one.
    #[serde(alias = "replayed", alias = "lease_lost")]
    Recorded(Refund),
}

impl Database<'_> {
    /// Orders a refund, once for each key.
    pub(crate) async fn order_refund(
        &self,
        request: &RefundRequest<'_>,
    ) -> Result<RefundOrder, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_booking_id", &request.booking_id),
            ("p_actor", &request.actor),
            ("p_amount", &request.amount),
            ("p_currency", &request.currency),
            ("p_idempotency_key", &request.idempotency_key),
            ("p_reason", &request.reason),
            ("p_request_id", &request.request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("order_refund", arguments).await
    }

    /// Claims a refund, to make it.
    pub(crate) async fn begin_refund(&self, refund: Uuid) -> Result<RefundStart, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_refund_id", &refund), ("p_now", &self.platform.now())];
        self.call_outcome("begin_refund", arguments).await
    }

    /// Records PayPal's refund. Counts even when the claim was lost.
    pub(crate) async fn record_refund(
        &self,
        claim: &RefundClaim,
        refund: &observation::Refund,
        status: RecordedRefundStatus,
    ) -> Result<Refund, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_refund_id", &claim.id),
            ("p_request_id", &claim.request_id),
            ("p_paypal_refund_id", &refund.id),
            ("p_status", &status.name()),
            ("p_now", &self.platform.now()),
        ];
        let RefundRecord::Recorded(refund) = self.call_outcome("record_refund", arguments).await?;
        Ok(refund)
    }

    /// Records that PayPal did not refund or gave no response, and the time of the next attempt.
    /// `None` retries later and later.
    pub(crate) async fn record_refund_failure(
        &self,
        claim: &RefundClaim,
        code: &str,
        kind: &str,
        retry_at: Option<Timestamp>,
    ) -> Result<Refund, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_refund_id", &claim.id),
            ("p_request_id", &claim.request_id),
            ("p_error_code", &code),
            ("p_kind", &kind),
            ("p_retry_at", &retry_at),
            ("p_now", &self.platform.now()),
        ];
        let RefundRecord::Recorded(refund) = self
            .call_outcome("record_refund_failure", arguments)
            .await?;
        Ok(refund)
    }

    /// Up to `limit` parts of refunds that are ordered, due and not claimed.
    pub(crate) async fn refunds_due(&self, limit: u32) -> Result<Vec<Uuid>, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        self.call("refunds_due", arguments).await
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
            "paypalRefundId": null, "failureCode": null, "parts": [{
                "refundId": Uuid::nil(), "captureId": "C", "amount": "20.00",
                "status": "ordered", "failureCode": null,
            }],
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
            let parts = serde_json::to_value(&refund.parts).unwrap();
            assert_eq!(parts[0]["status"], "pending", "ordered is a word of ours");
        }
        let over = json!({
            "outcome": "refund_window_over", "rest": "0.00", "currency": "USD",
            "refundableUntil": "2030-07-09T12:00:00Z",
        });
        assert!(matches!(
            decode_value(over).unwrap(),
            RefundOrder::Refused(RefundRefusal::RefundWindowOver { .. })
        ));
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
