//! Records of facts that PayPal shows and the database lacks. The SQL functions are in
//! `migrations/functions/observations.sql`.

use super::{Arguments, CarIdentity, Database, DatabaseError};
use crate::domain::{
    difference::{End, ObservedRefund},
    observation::{Authorization, AuthorizationStatus, Capture},
    payment_record::PaymentRecord,
    payment_state::PaymentState,
};
use serde::Deserialize;
use uuid::Uuid;

/// The result of each of these functions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObservationRecord {
    outcome: String,
    #[serde(default)]
    car_id: Option<Uuid>,
    #[serde(default)]
    car_slug: Option<String>,
    #[serde(default)]
    void_reason: Option<String>,
    #[serde(default)]
    void_authorization_id: Option<String>,
}

impl ObservationRecord {
    /// Whether the record has changed. It has not if another request was faster.
    #[must_use]
    pub(crate) fn is_recorded(&self) -> bool {
        !matches!(self.outcome.as_str(), "unchanged" | "replayed")
    }

    /// The authorization that is to be voided, and the reason.
    #[must_use]
    pub(crate) fn authorization_to_void(&self) -> Option<(&str, &str)> {
        let reason = self.void_reason.as_deref()?;
        self.void_authorization_id.as_deref().map(|id| (id, reason))
    }

    /// The car whose days may have changed.
    #[must_use]
    pub(crate) fn car(self) -> Option<CarIdentity> {
        Some(CarIdentity {
            id: self.car_id?,
            slug: self.car_slug?,
        })
    }
}

impl Database<'_> {
    /// Records an authorization that holds money, or that PayPal reviews.
    pub(crate) async fn record_observed_authorization(
        &self,
        record: &PaymentRecord,
        authorization: &Authorization,
    ) -> Result<ObservationRecord, DatabaseError> {
        let status = match authorization.status {
            AuthorizationStatus::Pending => PaymentState::AuthorizationPending,
            _ => PaymentState::Authorized,
        };
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &record.payment_id),
            (
                "p_order_id",
                &authorization.order_id.as_ref().or(record.order_id.as_ref()),
            ),
            ("p_authorization_id", &authorization.id),
            ("p_amount", &authorization.money.amount),
            ("p_currency", &authorization.money.currency),
            ("p_status", &status),
            ("p_expires_at", &authorization.expires_at),
            ("p_now", &self.platform.now()),
        ];
        self.call("record_observed_authorization", arguments).await
    }

    /// Records a capture, unless PayPal does not document its state. Returns whether the record has
    /// changed.
    pub(crate) async fn record_observed_capture(
        &self,
        payment: Uuid,
        capture: &Capture,
    ) -> Result<bool, DatabaseError> {
        self.record_capture_at_paypal(payment, capture, false).await
    }

    /// Records a declined capture of a part whose authorization holds all of its money again.
    pub(crate) async fn record_returned_hold(
        &self,
        payment: Uuid,
        capture: &Capture,
    ) -> Result<bool, DatabaseError> {
        self.record_capture_at_paypal(payment, capture, true).await
    }

    async fn record_capture_at_paypal(
        &self,
        payment: Uuid,
        capture: &Capture,
        returns_hold: bool,
    ) -> Result<bool, DatabaseError> {
        let Some(status) = capture.status.recorded() else {
            return Ok(false);
        };
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_capture_id", &capture.id),
            ("p_amount", &capture.money.amount),
            ("p_status", &status.name()),
            ("p_returns_hold", &returns_hold),
            ("p_now", &self.platform.now()),
        ];
        self.record("record_observed_capture", arguments).await
    }

    /// Records a refund, or takes a recorded one back. Returns whether the record has changed.
    pub(crate) async fn record_observed_refund(
        &self,
        payment: Uuid,
        refund: &ObservedRefund,
    ) -> Result<bool, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_paypal_refund_id", &refund.paypal_id),
            ("p_capture_id", &refund.capture_id),
            ("p_amount", &refund.amount),
            ("p_status", &refund.status.name()),
            ("p_refund_id", &refund.refund_id),
            ("p_now", &self.platform.now()),
        ];
        self.record("record_observed_refund", arguments).await
    }

    /// Records the end of an authorization, or of an order before it. Returns whether the record
    /// has changed.
    pub(crate) async fn record_observed_end(
        &self,
        payment: Uuid,
        end: End,
    ) -> Result<bool, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_status", &end.name()),
            ("p_now", &self.platform.now()),
        ];
        self.record("record_observed_end", arguments).await
    }

    async fn record(
        &self,
        function: &'static str,
        arguments: Arguments<'_>,
    ) -> Result<bool, DatabaseError> {
        let result: ObservationRecord = self.call(function, arguments).await?;
        Ok(result.is_recorded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn result_says_whether_it_is_recorded() {
        for (outcome, is_recorded) in [
            ("recorded", true),
            ("captured", true),
            ("capture_pending", true),
            ("capture_declined", true),
            ("unchanged", false),
            ("replayed", false),
        ] {
            let result: ObservationRecord = from_value(json!({ "outcome": outcome })).unwrap();
            assert_eq!(result.is_recorded(), is_recorded, "{outcome}");
            assert!(result.car().is_none());
        }
        let changed = json!({ "outcome": "recorded", "result": "confirmed", "carId": Uuid::nil(),
            "carSlug": "porsche-911" });
        let car = from_value::<ObservationRecord>(changed)
            .unwrap()
            .car()
            .unwrap();
        assert_eq!((car.id, car.slug.as_str()), (Uuid::nil(), "porsche-911"));
        assert!(from_value::<ObservationRecord>(json!({})).is_err());
    }
}
