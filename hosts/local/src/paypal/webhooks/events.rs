//! What is reported, and in which words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// What happened.
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
    #[serde(rename = "PAYMENT.CAPTURE.REFUNDED")]
    CaptureRefunded,
}

/// Whether an event is still to be delivered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    Due(Timestamp),
    Delivered,
    GivenUp,
}

/// An event and what became of its deliveries.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: EventType,
    pub(super) order_id: String,
    pub(super) created_at: Timestamp,
    /// The bytes of every delivery: a retry is signed anew, but says the same.
    pub(super) body: String,
    pub(super) attempts: u32,
    pub(super) standing: Standing,
}

/// An event as a test sees it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reported {
    /// `WH-…`
    pub(crate) id: String,
    #[serde(rename = "type")]
    kind: EventType,
    /// The id of the order that it is about.
    order: String,
    created_at: Timestamp,
    /// How often a delivery was attempted.
    attempts: u32,
    /// Whether one was answered 2xx.
    delivered: bool,
    /// When the next attempt is due; None once there is none.
    due: Option<Timestamp>,
}

/// Everything that was reported, oldest first.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(in crate::paypal) struct Events {
    pub(super) all: Vec<Event>,
    /// The authorizations and captures of which it was noticed what time brought about.
    pub(super) noticed: BTreeSet<String>,
}

impl EventType {
    pub(super) const fn resource_type(self) -> &'static str {
        match self {
            Self::OrderApproved => "checkout-order",
            Self::AuthorizationCreated | Self::AuthorizationVoided => "authorization",
            Self::CaptureCompleted | Self::CapturePending | Self::CaptureDeclined => "capture",
            Self::CaptureRefunded => "refund",
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
            Self::CaptureDeclined => format!("A payment capture for {amount} was declined."),
            Self::CaptureRefunded => format!("A {amount} capture payment was refunded"),
        }
    }
}

impl Events {
    /// The events, or those of one order.
    pub(super) fn reported(&self, order: Option<&str>) -> Vec<Reported> {
        self.all
            .iter()
            .filter(|event| order.is_none_or(|order| event.order_id == order))
            .map(|event| Reported {
                id: event.id.clone(),
                kind: event.kind,
                order: event.order_id.clone(),
                created_at: event.created_at,
                attempts: event.attempts,
                delivered: event.standing == Standing::Delivered,
                due: match event.standing {
                    Standing::Due(moment) => Some(moment),
                    Standing::Delivered | Standing::GivenUp => None,
                },
            })
            .collect()
    }
}
