//! Webhook events. The product reads only the ids of what changed.
//! <https://developer.paypal.com/api/rest/webhooks/event-names/>

use crate::clients::json;
use serde::Deserialize;
use uuid::Uuid;

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// The payer approved an order.
    OrderApproved,
    /// An order, an authorization, a capture or a refund has changed.
    Payment,
    /// The payer disputes a payment.
    Dispute,
    /// An event without effect here.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// PayPal's id, the same for every delivery of the event.
    pub(crate) id: String,
    /// For example `PAYMENT.CAPTURE.COMPLETED`.
    pub(crate) name: String,
    pub(crate) kind: EventKind,
    pub(crate) resource_id: Option<String>,
    /// The order of the resource.
    pub(crate) order_id: Option<String>,
    /// The resource's parent: for a refund, the capture.
    pub(crate) parent_id: Option<String>,
    /// Our payment, which is the order's `invoice_id`.
    pub(crate) payment: Option<Uuid>,
    /// Ids of the disputed captures.
    pub(crate) disputed: Vec<String>,
}

#[derive(Deserialize)]
struct EventBody {
    id: String,
    event_type: String,
    #[serde(default)]
    resource: Resource,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    id: Option<String>,
    dispute_id: Option<String>,
    invoice_id: Option<String>,
    supplementary_data: SupplementaryData,
    purchase_units: Vec<PurchaseUnit>,
    links: Vec<Link>,
    disputed_transactions: Vec<DisputedTransaction>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SupplementaryData {
    related_ids: RelatedIds,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RelatedIds {
    order_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PurchaseUnit {
    invoice_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Link {
    rel: String,
    href: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DisputedTransaction {
    seller_transaction_id: Option<String>,
}

impl Event {
    /// Reads an event. `None` when `body` is no event, or the id cannot be stored.
    #[must_use]
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let EventBody {
            id,
            event_type,
            resource,
        } = json::from_slice(body).ok()?;
        let is_id = (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_id || event_type.is_empty() || event_type.len() > 100 {
            return None;
        }
        let is_order = event_type.starts_with("CHECKOUT.ORDER.");
        let invoice = resource.invoice_id.or_else(|| {
            resource
                .purchase_units
                .into_iter()
                .find_map(|unit| unit.invoice_id)
        });
        Some(Self {
            kind: kind(&event_type),
            order_id: resource
                .supplementary_data
                .related_ids
                .order_id
                .or_else(|| resource.id.clone().filter(|_| is_order)),
            parent_id: resource
                .links
                .iter()
                .find(|link| link.rel == "up")
                .and_then(|link| link.href.rsplit('/').next())
                .map(str::to_owned),
            payment: invoice.and_then(|text| Uuid::try_parse(&text).ok()),
            disputed: resource
                .disputed_transactions
                .into_iter()
                .filter_map(|transaction| transaction.seller_transaction_id)
                .collect(),
            resource_id: resource.id.or(resource.dispute_id),
            id,
            name: event_type,
        })
    }
}

fn kind(event_type: &str) -> EventKind {
    match event_type {
        "CHECKOUT.ORDER.APPROVED" => EventKind::OrderApproved,
        _ if [
            "PAYMENT.AUTHORIZATION.",
            "PAYMENT.CAPTURE.",
            "PAYMENT.REFUND.",
            "CHECKOUT.ORDER.",
        ]
        .iter()
        .any(|family| event_type.starts_with(family)) =>
        {
            EventKind::Payment
        }
        _ if event_type.starts_with("CUSTOMER.DISPUTE.") => EventKind::Dispute,
        _ => EventKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const PAYMENT: &str = "0192f0c1-2222-7333-8444-555566667777";

    fn read(event_type: &str, resource: &Value) -> Option<Event> {
        let body = json!({ "id": "WH-1", "event_type": event_type, "resource": resource });
        Event::read(body.to_string().as_bytes())
    }

    #[test]
    fn capture_names_payment_and_order() {
        let related = json!({ "order_id": "ORD", "authorization_id": "AUTH" });
        let capture = json!({
            "id": "CAP",
            "invoice_id": PAYMENT,
            "supplementary_data": { "related_ids": related },
        });
        let event = read("PAYMENT.CAPTURE.COMPLETED", &capture).unwrap();
        assert_eq!(event.kind, EventKind::Payment);
        assert_eq!(event.payment, Uuid::try_parse(PAYMENT).ok());
        assert_eq!(event.order_id.as_deref(), Some("ORD"));
        assert_eq!(event.resource_id.as_deref(), Some("CAP"));
    }

    #[test]
    fn refund_names_capture() {
        let up = "https://api-m.paypal.com/v2/payments/captures/CAP";
        let links =
            json!([{ "rel": "self", "href": "https://x/REF" }, { "rel": "up", "href": up }]);
        let refund = json!({ "id": "REF", "invoice_id": "refund-7", "links": links });
        let event = read("PAYMENT.CAPTURE.REFUNDED", &refund).unwrap();
        assert_eq!((event.payment, event.order_id), (None, None));
        assert_eq!(event.parent_id.as_deref(), Some("CAP"));
    }

    #[test]
    fn order_is_its_own_resource() {
        let event = read(
            "CHECKOUT.ORDER.APPROVED",
            &json!({ "id": "ORD", "purchase_units": [{ "invoice_id": PAYMENT }] }),
        )
        .unwrap();
        assert_eq!(event.kind, EventKind::OrderApproved);
        assert_eq!(event.order_id.as_deref(), Some("ORD"));
        assert_eq!(event.payment, Uuid::try_parse(PAYMENT).ok());
    }

    #[test]
    fn dispute_names_captures() {
        let transactions = json!([{ "seller_transaction_id": "CAP" }]);
        let dispute = json!({ "dispute_id": "PP-D-1", "disputed_transactions": transactions });
        let event = read("CUSTOMER.DISPUTE.CREATED", &dispute).unwrap();
        assert_eq!(
            (event.kind, event.disputed, event.resource_id.as_deref()),
            (EventKind::Dispute, vec!["CAP".to_owned()], Some("PP-D-1"))
        );
        let event = read(
            "VAULT.CREDIT-CARD.CREATED",
            &json!({ "id": "X", "invoice_id": "no uuid" }),
        );
        let event = event.unwrap();
        assert_eq!((event.kind, event.payment), (EventKind::Other, None));
    }

    #[test]
    fn malformed_event_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"id":"","event_type":"X"}"#,
            r#"{"id":"a b","event_type":"X"}"#,
            r#"{"id":"a"}"#,
        ] {
            assert_eq!(Event::read(body.as_bytes()), None, "{body}");
        }
        let long = json!({ "id": "x".repeat(256), "event_type": "X" }).to_string();
        assert_eq!(Event::read(long.as_bytes()), None);
    }
}
