//! Emits the event of each change.

use super::events::{DeliveryStatus, Event, EventType};
use crate::paypal::{
    captures::Reversal, ids::Ids, ledger::Ledger, links::Links,
    refunds::representation::reversal_body, request::ApiRequest,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// PayPal shows an event for 30 days.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A change that the clock caused.
struct TimedChange {
    id: String,
    events: Vec<EventType>,
    /// Its entry in the list of reports.
    report: String,
}

impl TimedChange {
    fn new(id: &str, events: &[EventType]) -> Self {
        Self {
            id: id.to_owned(),
            events: events.to_vec(),
            report: id.to_owned(),
        }
    }
}

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

    /// Emits the events of expired authorizations and of PayPal's decisions, each once. Returns
    /// whether there were any.
    pub(in crate::paypal) fn emit_timed_events(
        &mut self,
        now: Timestamp,
        links: Links<'_>,
    ) -> bool {
        let changes = self.unreported_changes(now);
        for change in &changes {
            for event_type in &change.events {
                self.emit_event(*event_type, &change.id, &ApiRequest::internal(now, links));
            }
            self.events.timed_reports.insert(change.report.clone());
        }
        !changes.is_empty()
    }

    fn unreported_changes(&self, now: Timestamp) -> Vec<TimedChange> {
        // A decision is reported before an expiry, which may have come since.
        let decisions = self
            .decided_authorizations(now)
            .map(|(original, event)| TimedChange {
                report: format!("{} decided", original.id),
                id: original.id.clone(),
                events: vec![event],
            });
        let expiries = self
            .expired_authorizations(now)
            .map(|original| TimedChange::new(&original.id, &[EventType::AuthorizationVoided]));
        let captures = self
            .decided_captures(now)
            .map(|(capture, event)| TimedChange::new(&capture.id, &[event]));
        let refunds = self
            .decided_refunds(now)
            .map(|(refund, events)| TimedChange::new(&refund.id, events));
        decisions
            .chain(expiries)
            .chain(captures)
            .chain(refunds)
            .filter(|change| !self.events.timed_reports.contains(&change.report))
            .collect()
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
            | EventType::CaptureDeclined
            | EventType::CaptureDenied => (
                self.captures.get(id)?.order_id.as_str(),
                self.capture_body(id, request),
            ),
            EventType::CaptureReversed if !self.refunds.contains_key(id) => {
                let is_reversal = |reversal: &&Reversal| reversal.id == id;
                let (capture, reversal) = self.captures.values().find_map(|capture| {
                    Some((capture, capture.reversals.iter().find(is_reversal)?))
                })?;
                let body = reversal_body(capture, reversal, request);
                (capture.order_id.as_str(), Ok(body))
            }
            EventType::CaptureRefunded
            | EventType::CaptureReversed
            | EventType::RefundPending
            | EventType::RefundCompleted
            | EventType::RefundFailed
            | EventType::RefundCancelled => {
                let capture = self.captures.get(&self.refunds.get(id)?.capture_id)?;
                (capture.order_id.as_str(), self.refund_body(id, request))
            }
            EventType::DisputeCreated | EventType::DisputeUpdated | EventType::DisputeResolved => {
                let dispute = self.disputes.get(id)?;
                (dispute.order_id.as_str(), Ok(dispute.body(request.links)))
            }
        };
        Some((order_id.to_owned(), resource.ok()?))
    }
}

/// Such as `WH-58D329510W468432D-8HN650336L201105X`.
fn event_id(ids: &mut Ids) -> String {
    format!("WH-{}-{}", ids.next_resource_id(), ids.next_resource_id())
}
