//! What PayPal shows of a payment and the database does not have. The SQL functions are in
//! `migrations/functions/observations.sql`.

use super::{CarIdentity, Database, DatabaseError};
use crate::domain::{
    difference::{End, ObservedRefund},
    observation::{Authorization, AuthorizationStatus, Capture, PaymentRecord},
    payment_state::PaymentState,
};
use serde::Deserialize;
use uuid::Uuid;

/// The result of `record_observed_authorization`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ObservedAuthorization {
    car_id: Option<Uuid>,
    car_slug: Option<String>,
}

impl ObservedAuthorization {
    /// The car whose days have changed.
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
    ) -> Result<ObservedAuthorization, DatabaseError> {
        let status = match authorization.status {
            AuthorizationStatus::Pending => PaymentState::AuthorizationPending,
            _ => PaymentState::Authorized,
        };
        let arguments = serde_json::json!({
            "p_payment_id": record.payment_id,
            "p_order_id": authorization.order_id.as_ref().or(record.order_id.as_ref()),
            "p_authorization_id": authorization.id,
            "p_amount": authorization.money.amount,
            "p_currency": authorization.money.currency,
            "p_status": status,
            "p_expires_at": authorization.expires_at,
            "p_now": self.platform.now(),
        });
        self.call("record_observed_authorization", &arguments).await
    }

    /// Records a capture. One whose state PayPal does not document is left out.
    pub(crate) async fn record_observed_capture(
        &self,
        payment: Uuid,
        capture: &Capture,
    ) -> Result<(), DatabaseError> {
        let Some(status) = capture.status.recorded() else {
            return Ok(());
        };
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_capture_id": capture.id,
            "p_amount": capture.money.amount,
            "p_status": status.name(),
            "p_now": self.platform.now(),
        });
        self.call_raw("record_observed_capture", &arguments)
            .await
            .map(drop)
    }

    /// Records a refund, or takes a recorded one back.
    pub(crate) async fn record_observed_refund(
        &self,
        payment: Uuid,
        refund: &ObservedRefund,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_paypal_refund_id": refund.paypal_id,
            "p_capture_id": refund.capture_id,
            "p_amount": refund.amount,
            "p_status": refund.status.name(),
            "p_refund_id": refund.refund_id,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_observed_refund", &arguments)
            .await
            .map(drop)
    }

    /// Records the end of an authorization, or of an order before it.
    pub(crate) async fn record_observed_end(
        &self,
        payment: Uuid,
        end: End,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_status": end.name(),
            "p_now": self.platform.now(),
        });
        self.call_raw("record_observed_end", &arguments)
            .await
            .map(drop)
    }
}
