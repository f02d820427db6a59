//! When an event is made.

use super::{
    super::{ids::Ids, ledger::Ledger, links::Links, request::ApiRequest},
    events::{Event, EventType, Standing},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How long PayPal shows an event.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Ledger {
    /// Makes the event of what just happened to the resource `id`; an id that names nothing makes none.
    pub(in crate::paypal) fn report(
        &mut self,
        event_type: EventType,
        id: &str,
        request: &ApiRequest<'_>,
    ) {
        let whole = ApiRequest {
            representation: true,
            ..*request
        };
        let Some((order_id, resource)) = self.resource(event_type, id, &whole) else {
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
        all.retain(|event| request.now.duration_since(event.created_at) < KEPT_FOR);
        all.push(Event {
            id: event_id,
            kind: event_type,
            order_id,
            created_at: request.now,
            body: body.to_string(),
            attempts: 0,
            standing: Standing::Due(request.now),
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
            self.report(*event_type, id, &ApiRequest::of_nobody(now, links));
            self.events.noticed.insert(id.clone());
        }
        !news.is_empty()
    }

    /// The resource that an event is about, and the id of its order.
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

/// As `WH-58D329510W468432D-8HN650336L201105X`.
fn event_id(ids: &mut Ids) -> String {
    format!("WH-{}-{}", ids.resource(), ids.resource())
}
