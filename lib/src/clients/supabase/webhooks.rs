//! The inbox of webhook events.

use super::{Arguments, Database, DatabaseError};
use serde::Deserialize;
use uuid::Uuid;

/// An event that this request or run may apply.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventClaim {
    /// PayPal's id of the event.
    pub(crate) event_id: String,
    /// The bytes that were verified.
    pub(crate) body: String,
    /// Proves the claim.
    #[serde(rename = "lease")]
    pub(crate) claim_id: Uuid,
    /// From 1.
    pub(crate) attempt: u32,
}

/// The result of `replay_webhook_event`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventReplay {
    /// The dead letter has to be applied again.
    Replayed {
        #[serde(rename = "work")]
        claim: EventClaim,
    },
    AlreadyProcessed,
    /// The event is due later, or is being applied.
    Waiting,
    EventNotFound,
}

impl Database<'_> {
    /// Stores a verified event, once by its id. Returns the claim if it has to be applied.
    pub(crate) async fn store_webhook_event(
        &self,
        event_id: &str,
        event_type: &str,
        resource_id: Option<&str>,
        body: &str,
        request_id: &str,
    ) -> Result<Option<EventClaim>, DatabaseError> {
        #[derive(Deserialize)]
        struct StoredEvent {
            work: Option<EventClaim>,
        }
        let arguments: Arguments<'_> = &[
            ("p_event_id", &event_id),
            ("p_event_type", &event_type),
            ("p_resource_id", &resource_id),
            ("p_body", &body),
            ("p_request_id", &request_id),
            ("p_now", &self.platform.now()),
        ];
        let stored: StoredEvent = self.call("store_webhook_event", arguments).await?;
        Ok(stored.work)
    }

    /// Claims up to `limit` events that are due.
    pub(crate) async fn claim_webhook_events(
        &self,
        limit: u32,
    ) -> Result<Vec<EventClaim>, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        self.call("claim_webhook_events", arguments).await
    }

    /// Records that an event is applied, and its effect.
    pub(crate) async fn record_webhook_result(
        &self,
        claim: &EventClaim,
        result: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_event_id", &claim.event_id),
            ("p_lease", &claim.claim_id),
            ("p_result", &result),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_webhook_result", arguments)
            .await
            .map(drop)
    }

    /// Records that an event could not be applied. The database schedules the next attempt.
    pub(crate) async fn record_webhook_failure(
        &self,
        claim: &EventClaim,
        code: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_event_id", &claim.event_id),
            ("p_lease", &claim.claim_id),
            ("p_error_code", &code),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_webhook_failure", arguments)
            .await
            .map(drop)
    }

    /// Claims a dead letter, to apply it again.
    pub(crate) async fn replay_webhook_event(
        &self,
        event_id: &str,
        actor: &str,
        request_id: &str,
    ) -> Result<EventReplay, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_event_id", &event_id),
            ("p_actor", &actor),
            ("p_request_id", &request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("replay_webhook_event", arguments).await
    }
}
