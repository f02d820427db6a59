//! Events, and the status of their deliveries.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(in crate::paypal) enum EventType {
    #[serde(rename = "CHECKOUT.ORDER.APPROVED")]
    OrderApproved,
    #[serde(rename = "PAYMENT.AUTHORIZATION.CREATED")]
    AuthorizationCreated,
    #[serde(rename = "PAYMENT.AUTHORIZATION.VOIDED")]
    AuthorizationVoided,
    #[serde(rename = "PAYMENT.CAPTURE.COMPLETED")]
    CaptureCompleted,
    #[serde(rename = "PAYMENT.CAPTURE.PENDING")]
    CapturePending,
    #[serde(rename = "PAYMENT.CAPTURE.DECLINED")]
    CaptureDeclined,
    /// The name of `PAYMENT.CAPTURE.DECLINED` in older documentation.
    #[serde(rename = "PAYMENT.CAPTURE.DENIED")]
    CaptureDenied,
    #[serde(rename = "PAYMENT.CAPTURE.REFUNDED")]
    CaptureRefunded,
    #[serde(rename = "PAYMENT.CAPTURE.REVERSED")]
    CaptureReversed,
    #[serde(rename = "PAYMENT.REFUND.PENDING")]
    RefundPending,
    #[serde(rename = "PAYMENT.REFUND.COMPLETED")]
    RefundCompleted,
    #[serde(rename = "PAYMENT.REFUND.FAILED")]
    RefundFailed,
    #[serde(rename = "PAYMENT.REFUND.CANCELLED")]
    RefundCancelled,
    #[serde(rename = "CUSTOMER.DISPUTE.CREATED")]
    DisputeCreated,
    #[serde(rename = "CUSTOMER.DISPUTE.UPDATED")]
    DisputeUpdated,
    #[serde(rename = "CUSTOMER.DISPUTE.RESOLVED")]
    DisputeResolved,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryStatus {
    Due(Timestamp),
    Delivered,
    /// No retry is left.
    #[serde(rename = "given_up")]
    Failed,
}

/// An event and the status of its deliveries.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: EventType,
    pub(super) order_id: String,
    pub(super) created_at: Timestamp,
    /// Every delivery sends these bytes, with a new signature.
    pub(super) body: String,
    pub(super) attempts: u32,
    #[serde(rename = "standing")]
    pub(super) status: DeliveryStatus,
}

/// An event in the control API.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventRecord {
    /// `WH-…`
    pub(crate) id: String,
    #[serde(rename = "type")]
    kind: EventType,
    /// An order's id.
    order: String,
    created_at: Timestamp,
    attempts: u32,
    /// An attempt had a 2xx response.
    delivered: bool,
    /// The time of the next attempt, if there is one.
    due: Option<Timestamp>,
}

/// The events of the last 30 days, oldest first.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(in crate::paypal) struct Events {
    pub(super) all: Vec<Event>,
    /// The authorizations and captures whose expiry or decision was reported.
    #[serde(rename = "noticed")]
    pub(super) timed_reports: BTreeSet<String>,
}

impl EventType {
    #[cfg(test)]
    pub(in crate::paypal) const ALL: [Self; 16] = [
        Self::OrderApproved,
        Self::AuthorizationCreated,
        Self::AuthorizationVoided,
        Self::CaptureCompleted,
        Self::CapturePending,
        Self::CaptureDeclined,
        Self::CaptureDenied,
        Self::CaptureRefunded,
        Self::CaptureReversed,
        Self::RefundPending,
        Self::RefundCompleted,
        Self::RefundFailed,
        Self::RefundCancelled,
        Self::DisputeCreated,
        Self::DisputeUpdated,
        Self::DisputeResolved,
    ];

    pub(super) const fn resource_type(self) -> &'static str {
        match self {
            Self::OrderApproved => "checkout-order",
            Self::AuthorizationCreated | Self::AuthorizationVoided => "authorization",
            Self::CaptureCompleted
            | Self::CapturePending
            | Self::CaptureDeclined
            | Self::CaptureDenied => "capture",
            Self::CaptureRefunded
            | Self::CaptureReversed
            | Self::RefundPending
            | Self::RefundCompleted
            | Self::RefundFailed
            | Self::RefundCancelled => "refund",
            Self::DisputeCreated | Self::DisputeUpdated | Self::DisputeResolved => "dispute",
        }
    }

    pub(super) fn summary(self, resource: &Value) -> String {
        let text = |member| resource["amount"][member].as_str().unwrap_or_default();
        let (currency, value) = (text("currency_code"), text("value"));
        let symbol = if currency == "USD" { "$" } else { currency };
        let amount = format!("{symbol} {value} {currency}");
        match self {
            Self::OrderApproved => "An order has been approved by buyer".to_owned(),
            Self::AuthorizationCreated => {
                format!("A successful payment authorization was created for {amount}")
            }
            Self::AuthorizationVoided => {
                format!("A payment authorization was voided for {amount}")
            }
            Self::CaptureCompleted => format!("Payment completed for {amount}"),
            Self::CapturePending => format!("Payment pending for {amount}"),
            Self::CaptureDeclined | Self::CaptureDenied => {
                format!("A payment capture for {amount} was declined.")
            }
            Self::CaptureRefunded => format!("A {amount} capture payment was refunded"),
            Self::CaptureReversed => format!("A {amount} capture payment was reversed"),
            Self::RefundPending => format!("A refund of {amount} is pending"),
            Self::RefundCompleted => format!("A refund of {amount} completed"),
            Self::RefundFailed => format!("A refund of {amount} failed"),
            Self::RefundCancelled => format!("A refund of {amount} was canceled"),
            Self::DisputeCreated => "A new dispute opened with a buyer".to_owned(),
            Self::DisputeUpdated => "A dispute was updated".to_owned(),
            Self::DisputeResolved => "A dispute was resolved".to_owned(),
        }
    }
}

impl Events {
    /// All events, or those of one order.
    pub(super) fn records(&self, order: Option<&str>) -> Vec<EventRecord> {
        self.all
            .iter()
            .filter(|event| order.is_none_or(|order| event.order_id == order))
            .map(|event| EventRecord {
                id: event.id.clone(),
                kind: event.kind,
                order: event.order_id.clone(),
                created_at: event.created_at,
                attempts: event.attempts,
                delivered: event.status == DeliveryStatus::Delivered,
                due: match event.status {
                    DeliveryStatus::Due(time) => Some(time),
                    DeliveryStatus::Delivered | DeliveryStatus::Failed => None,
                },
            })
            .collect()
    }
}
