//! What is reported, and in which words.

use super::{
    super::{
        ids::Ids,
        ledger::{Call, Ledger},
        links::Links,
    },
    deliveries::Standing,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How long PayPal shows an event.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What happened.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(in super::super) enum EventType {
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

/// An event and what became of its deliveries.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Event {
    pub(super) id: String,
    kind: EventType,
    order_id: String,
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
pub(in super::super) struct Events {
    pub(super) all: Vec<Event>,
    /// The authorizations and captures of which it was noticed what time brought about.
    noticed: BTreeSet<String>,
}

impl EventType {
    const fn resource_type(self) -> &'static str {
        match self {
            Self::OrderApproved => "checkout-order",
            Self::AuthorizationCreated | Self::AuthorizationVoided => "authorization",
            Self::CaptureCompleted | Self::CapturePending | Self::CaptureDeclined => "capture",
            Self::CaptureRefunded => "refund",
        }
    }

    fn summary(self, resource: &Value) -> String {
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

impl Ledger {
    /// Makes the event of what just happened to the resource `id`; an id that names nothing makes none.
    pub(in super::super) fn report(&mut self, event_type: EventType, id: &str, call: &Call<'_>) {
        let whole = Call {
            representation: true,
            ..*call
        };
        let Some((order_id, resource)) = self.resource(event_type, id, &whole) else {
            return;
        };
        let event_id = event_id(&mut self.ids);
        let own = format!("/v1/notifications/webhooks-events/{event_id}");
        let body = json!({
            "id": event_id,
            "event_version": "1.0",
            "create_time": format!("{:.3}", call.now),
            "resource_type": event_type.resource_type(),
            "resource_version": "2.0",
            "event_type": event_type,
            "summary": event_type.summary(&resource),
            "resource": resource,
            "links": [call.links.get("self", &own), call.links.post("resend", &format!("{own}/resend"))],
        });
        let all = &mut self.events.all;
        all.retain(|event| call.now.duration_since(event.created_at) < KEPT_FOR);
        all.push(Event {
            id: event_id,
            kind: event_type,
            order_id,
            created_at: call.now,
            body: body.to_string(),
            attempts: 0,
            standing: Standing::Due(call.now),
        });
    }

    /// Reports what time alone has brought about; whether there was anything.
    pub(super) fn notice(&mut self, now: Timestamp, links: Links<'_>) -> bool {
        let noticed = &self.events.noticed;
        let lapsed = self
            .lapsed_authorizations(now)
            .map(|authorization| (EventType::AuthorizationVoided, authorization.id.clone()));
        let decided = self
            .decided_captures(now)
            .map(|(capture, event_type)| (event_type, capture.id.clone()));
        let news: Vec<(EventType, String)> = lapsed
            .chain(decided)
            .filter(|(_, id)| !noticed.contains(id))
            .collect();
        for (event_type, id) in &news {
            self.report(*event_type, id, &Call::of_nobody(now, links));
            self.events.noticed.insert(id.clone());
        }
        !news.is_empty()
    }

    /// The resource that an event is about, and the id of its order.
    fn resource(
        &self,
        event_type: EventType,
        id: &str,
        call: &Call<'_>,
    ) -> Option<(String, Value)> {
        let (order_id, resource) = match event_type {
            EventType::OrderApproved => (id, self.order_body(id, call)),
            EventType::AuthorizationCreated | EventType::AuthorizationVoided => (
                self.original(id).ok()?.order_id.as_str(),
                self.authorization_body(id, call),
            ),
            EventType::CaptureCompleted
            | EventType::CapturePending
            | EventType::CaptureDeclined => (
                self.captures.get(id)?.order_id.as_str(),
                self.capture_body(id, call),
            ),
            EventType::CaptureRefunded => {
                let capture = self.captures.get(&self.refunds.get(id)?.capture_id)?;
                (capture.order_id.as_str(), self.refund_body(id, call))
            }
        };
        Some((order_id.to_owned(), resource.ok()?))
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

/// As `WH-58D329510W468432D-8HN650336L201105X`.
fn event_id(ids: &mut Ids) -> String {
    format!("WH-{}-{}", ids.resource(), ids.resource())
}
