//! Emits the event of each change.

use super::events::{DeliveryStatus, Event, EventType};
use crate::paypal::{ids::Ids, ledger::Ledger, links::Links, request::ApiRequest};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// PayPal shows an event for 30 days.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Ledger {
    /// Adds the event of a change to the resource `id`. An unknown resource has no event.
    pub(in crate::paypal) fn emit_event(
        &mut self,
        event_type: EventType,
        id: &str,
        request: &ApiRequest<'_>,
    ) {
        let full_request = ApiRequest {
            prefers_representation: true,
            ..*request
        };
        let Some((order_id, resource)) = self.resource(event_type, id, &full_request) else {
            return;
        };
        let event_id = event_id(&mut self.ids);
        let own = format!("/v1/notifications/webhooks-events/{event_id}");
        let body = json!({
            "id": event_id,
            "event_version": "1.0",
            "create_time": format!("{:.3}", request.now),
            "resource_type": event_type.resource_type(),
            "resource_version": "2.0",
            "event_type": event_type,
            "summary": event_type.summary(&resource),
            "resource": resource,
            "links": [request.links.get("self", &own), request.links.post("resend", &format!("{own}/resend"))],
        });
        let all = &mut self.events.all;
        all.retain(|event| request.now.duration_since(event.created_at) < RETENTION);
        all.push(Event {
            id: event_id,
            kind: event_type,
            order_id,
            created_at: request.now,
            body: body.to_string(),
            attempts: 0,
            status: DeliveryStatus::Due(request.now),
        });
    }

    /// Emits the events of expired authorizations and decided e-checks, each once. Returns whether
    /// there were any.
    pub(super) fn emit_timed_events(&mut self, now: Timestamp, links: Links<'_>) -> bool {
        let reported_ids = &self.events.timed_reports;
        let expiries = self
            .expired_authorizations(now)
            .map(|authorization| (EventType::AuthorizationVoided, authorization.id.clone()));
        let decisions = self
            .decided_captures(now)
            .map(|(capture, event_type)| (event_type, capture.id.clone()));
        let changes: Vec<(EventType, String)> = expiries
            .chain(decisions)
            .filter(|(_, id)| !reported_ids.contains(id))
            .collect();
        for (event_type, id) in &changes {
            self.emit_event(*event_type, id, &ApiRequest::internal(now, links));
            self.events.timed_reports.insert(id.clone());
        }
        !changes.is_empty()
    }

    /// The order's id and the resource of an event.
    fn resource(
        &self,
        event_type: EventType,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Option<(String, Value)> {
        let (order_id, resource) = match event_type {
            EventType::OrderApproved => (id, self.order_body(id, request)),
            EventType::AuthorizationCreated | EventType::AuthorizationVoided => (
                self.original(id).ok()?.order_id.as_str(),
                self.authorization_body(id, request),
            ),
            EventType::CaptureCompleted
            | EventType::CapturePending
            | EventType::CaptureDeclined => (
                self.captures.get(id)?.order_id.as_str(),
                self.capture_body(id, request),
            ),
            EventType::CaptureRefunded => {
                let capture = self.captures.get(&self.refunds.get(id)?.capture_id)?;
                (capture.order_id.as_str(), self.refund_body(id, request))
            }
        };
        Some((order_id.to_owned(), resource.ok()?))
    }
}

/// Such as `WH-58D329510W468432D-8HN650336L201105X`.
fn event_id(ids: &mut Ids) -> String {
    format!("WH-{}-{}", ids.next_resource_id(), ids.next_resource_id())
}
