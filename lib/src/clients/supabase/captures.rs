//! Captures and reauthorizations: claims on payments, and the records of their outcomes.

use super::{Arguments, Database, DatabaseError};
use crate::domain::{
    money::{Amount, Currency, Money},
    observation::{Authorization, Capture},
    payment_record::RecordedCaptureStatus,
};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

/// A payment that this run may capture.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CaptureClaim {
    pub(crate) payment_id: Uuid,
    pub(crate) booking_id: Uuid,
    /// Proves the claim.
    #[serde(rename = "lease")]
    pub(crate) claim_id: Uuid,
    pub(crate) order_id: String,
    pub(crate) authorization_id: String,
    /// The authorization that PayPal can reauthorize.
    pub(crate) original_authorization_id: String,
    /// The amount to capture: the price, or the part that a cancellation keeps.
    pub(crate) amount: Amount,
    /// The amount to reauthorize. A cancellation does not change it, so each request id has one
    /// amount.
    pub(crate) authorized_amount: Amount,
    pub(crate) currency: Currency,
    /// From 1.
    pub(crate) attempt: u32,
    /// The `PayPal-Request-Id` of the capture.
    pub(crate) request_id: String,
    /// An earlier attempt with this request id has no known outcome.
    pub(crate) resumed: bool,
    /// The booking was canceled after that attempt. It is looked up and not repeated.
    pub(crate) look_only: bool,
    /// The `PayPal-Request-Id` of a reauthorization that has to come first.
    pub(crate) reauthorize_request_id: Option<String>,
}

impl CaptureClaim {
    /// The money to capture.
    #[must_use]
    pub(crate) fn money(&self) -> Money {
        Money {
            amount: self.amount,
            currency: self.currency,
        }
    }

    /// The amounts of the captures that we may have ordered under this request id. A cancellation
    /// changes the amount to capture after an attempt.
    #[must_use]
    pub(crate) fn ordered(&self) -> [Money; 2] {
        let price = Money {
            amount: self.authorized_amount,
            currency: self.currency,
        };
        [self.money(), price]
    }

    /// The reauthorization that has to come first.
    #[must_use]
    pub(crate) fn reauthorization(&self) -> Option<ReauthorizationClaim> {
        Some(ReauthorizationClaim {
            payment_id: self.payment_id,
            claim_id: self.claim_id,
            original_authorization_id: self.original_authorization_id.clone(),
            money: Money {
                amount: self.authorized_amount,
                currency: self.currency,
            },
            request_id: self.reauthorize_request_id.clone()?,
        })
    }
}

/// An authorization that this request may reauthorize.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReauthorizationClaim {
    pub(crate) payment_id: Uuid,
    /// Proves the claim.
    #[serde(rename = "lease")]
    pub(crate) claim_id: Uuid,
    /// The authorization to reauthorize. PayPal reauthorizes no reauthorization.
    pub(crate) original_authorization_id: String,
    #[serde(flatten)]
    pub(crate) money: Money,
    /// The `PayPal-Request-Id` of the reauthorization.
    pub(crate) request_id: String,
}

/// The result of `claim_payment_capture`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum CaptureStart {
    Claimed {
        claim: CaptureClaim,
    },
    AlreadyCaptured {
        capture_id: String,
    },
    /// PayPal reviews the capture.
    CapturePending {
        capture_id: String,
    },
    Refused(ClaimRefusal),
}

/// The result of `claim_reauthorization`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReauthorizationStart {
    Claimed(ReauthorizationClaim),
    Refused(ClaimRefusal),
}

/// The reason that an operator gets no claim on a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClaimRefusal {
    /// Another request or run has the claim.
    PaymentInProgress,
    /// PayPal reviews the authorization.
    AuthorizationPending,
    /// It was voided or denied, or has expired.
    AuthorizationEnded,
    /// The money is captured, or PayPal reviews its capture.
    #[serde(alias = "capture_pending")]
    AlreadyCaptured,
    /// A part was captured in PayPal's console.
    CapturedInPart,
    /// The money went back.
    AlreadyRefunded,
    /// The booking is not confirmed, or nothing is authorized for it.
    #[serde(alias = "not_authorized")]
    NotCapturable,
    BookingNotFound,
}

/// The result of `record_reauthorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReauthorizationRecord {
    Recorded,
    /// Another run has claimed the payment. Nothing is recorded.
    #[serde(rename = "lease_lost")]
    ClaimLost,
}

/// The result of `record_reauthorization_failure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReauthorizationFailure {
    /// The old authorization is to be captured.
    CaptureOld,
    /// The reauthorization is repeated before a capture.
    Recorded,
}

impl Database<'_> {
    /// Claims up to `limit` payments that are due, for two minutes.
    pub(crate) async fn claim_due_captures(
        &self,
        limit: u32,
    ) -> Result<Vec<CaptureClaim>, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        self.call("process_scheduled_payment_captures", arguments)
            .await
    }

    /// Claims the payment of a booking, to capture it whatever its schedule says.
    pub(crate) async fn claim_payment_capture(
        &self,
        booking_id: Uuid,
        actor: &str,
        request_id: &str,
    ) -> Result<CaptureStart, DatabaseError> {
        self.call_for_operator("claim_payment_capture", booking_id, actor, request_id)
            .await
    }

    /// Claims the payment of a booking, to reauthorize it.
    pub(crate) async fn claim_reauthorization(
        &self,
        booking_id: Uuid,
        actor: &str,
        request_id: &str,
    ) -> Result<ReauthorizationStart, DatabaseError> {
        self.call_for_operator("claim_reauthorization", booking_id, actor, request_id)
            .await
    }

    async fn call_for_operator<T: DeserializeOwned>(
        &self,
        function: &'static str,
        booking_id: Uuid,
        actor: &str,
        request_id: &str,
    ) -> Result<T, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_booking_id", &booking_id),
            ("p_actor", &actor),
            ("p_request_id", &request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome(function, arguments).await
    }

    /// Releases the claim of an operator's reauthorization.
    pub(crate) async fn release_payment(
        &self,
        claim: &ReauthorizationClaim,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &claim.payment_id),
            ("p_lease", &claim.claim_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("release_payment", arguments).await.map(drop)
    }

    /// Records the authorization that replaces the old one.
    pub(crate) async fn record_reauthorization(
        &self,
        claim: &ReauthorizationClaim,
        authorization: &Authorization,
    ) -> Result<ReauthorizationRecord, DatabaseError> {
        let is_same_currency = authorization.money.currency == claim.money.currency;
        let amount = is_same_currency.then_some(authorization.money.amount);
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &claim.payment_id),
            ("p_lease", &claim.claim_id),
            ("p_request_id", &claim.request_id),
            ("p_authorization_id", &authorization.id),
            ("p_expires_at", &authorization.expires_at),
            ("p_amount", &amount),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("record_reauthorization", arguments).await
    }

    /// Records that PayPal did not reauthorize or gave no response.
    pub(crate) async fn record_reauthorization_failure(
        &self,
        claim: &ReauthorizationClaim,
        code: &str,
        kind: &str,
    ) -> Result<ReauthorizationFailure, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &claim.payment_id),
            ("p_request_id", &claim.request_id),
            ("p_error_code", &code),
            ("p_kind", &kind),
            ("p_lease", &claim.claim_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("record_reauthorization_failure", arguments)
            .await
    }

    /// Records a capture. Counts even when the claim was lost: PayPal has the money.
    pub(crate) async fn record_capture(
        &self,
        claim: &CaptureClaim,
        capture: &Capture,
        status: RecordedCaptureStatus,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &claim.payment_id),
            ("p_lease", &claim.claim_id),
            ("p_request_id", &claim.request_id),
            ("p_capture_id", &capture.id),
            ("p_amount", &capture.money.amount),
            ("p_status", &status.name()),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_capture", arguments).await.map(drop)
    }

    /// Records that PayPal did not capture or gave no response, and the time of the next attempt.
    /// `None` retries later and later.
    pub(crate) async fn record_capture_failure(
        &self,
        claim: &CaptureClaim,
        code: &str,
        kind: &str,
        retry_at: Option<Timestamp>,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &claim.payment_id),
            ("p_lease", &claim.claim_id),
            ("p_request_id", &claim.request_id),
            ("p_error_code", &code),
            ("p_kind", &kind),
            ("p_retry_at", &retry_at),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_capture_failure", arguments)
            .await
            .map(drop)
    }

    /// Records that PayPal refuses our account or request. It is drift until it is resolved.
    pub(crate) async fn record_refusal_of_us(
        &self,
        payment: Uuid,
        code: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_kind", &"paypal_refuses_us"),
            ("p_detail", &code),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_finding", arguments).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::outcome::decode_value, *};
    use serde_json::json;

    #[test]
    fn reauthorization_is_for_original_and_whole_amount() {
        let start = json!({ "outcome": "claimed", "claim": {
            "paymentId": Uuid::nil(), "bookingId": Uuid::nil(), "reference": "EXO-222222",
            "lease": Uuid::nil(), "orderId": "O", "authorizationId": "A2",
            "originalAuthorizationId": "A1", "amount": "118.80", "authorizedAmount": "237.60",
            "currency": "USD", "attempt": 1, "requestId": "P:capture:2", "resumed": false,
            "lookOnly": false, "reauthorizeRequestId": "P:reauthorize:1",
        }});
        let CaptureStart::Claimed { claim } = decode_value(start).unwrap() else {
            panic!("not claimed");
        };
        let reauthorization = claim.reauthorization().unwrap();
        assert_eq!(reauthorization.money.amount.to_string(), "237.60");
        assert_eq!(reauthorization.request_id, "P:reauthorize:1");
        assert_eq!(reauthorization.original_authorization_id, "A1");
        assert_eq!(claim.money().amount.to_string(), "118.80");
    }

    #[test]
    fn claims_and_refusals_are_distinct() {
        let claimed = json!({
            "outcome": "claimed", "paymentId": Uuid::nil(), "lease": Uuid::max(),
            "authorizationId": "A", "originalAuthorizationId": "A", "amount": "237.60",
            "currency": "USD", "requestId": "P:reauthorize:1",
        });
        let ReauthorizationStart::Claimed(claim) = decode_value(claimed).unwrap() else {
            panic!("not claimed");
        };
        assert_eq!(claim.claim_id, Uuid::max());
        assert_eq!(claim.money.amount.to_string(), "237.60");

        for (outcome, refusal) in [
            ("not_authorized", ClaimRefusal::NotCapturable),
            ("already_captured", ClaimRefusal::AlreadyCaptured),
            ("capture_pending", ClaimRefusal::AlreadyCaptured),
        ] {
            let refused = json!({ "outcome": outcome, "captureId": "C" });
            assert!(matches!(
                decode_value(refused).unwrap(),
                ReauthorizationStart::Refused(refused) if refused == refusal
            ));
        }
        let captured = json!({ "outcome": "already_captured", "captureId": "C" });
        assert!(matches!(
            decode_value(captured).unwrap(),
            CaptureStart::AlreadyCaptured { capture_id } if capture_id == "C"
        ));
        let lost = json!({ "outcome": "lease_lost" });
        let record: ReauthorizationRecord = decode_value(lost).unwrap();
        assert_eq!(record, ReauthorizationRecord::ClaimLost);
    }
}
