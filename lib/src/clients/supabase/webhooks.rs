//! The inbox of webhooks.

use super::{Database, DatabaseError};
use serde::Deserialize;
use uuid::Uuid;

/// An event that is ours to apply.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InboxWork {
    /// PayPal's id of the event.
    pub event_id: String,
    /// The event as it was verified.
    pub body: String,
    /// Proves that the event is ours to apply.
    pub lease: Uuid,
    /// From 1.
    pub attempt: u32,
}

/// The answer of `store_webhook_event`: what is to be applied now, if anything.
#[derive(Debug, Deserialize)]
pub struct Stored {
    /// The event, unless it was applied, waits, or is being applied.
    pub work: Option<InboxWork>,
}

/// What `replay_webhook_event` decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOutcome {
    /// It is applied again.
    Replayed,
    /// It was applied.
    AlreadyProcessed,
    /// It is still being tried.
    Waiting,
    /// Nobody knows it.
    EventNotFound,
}

/// The answer of `replay_webhook_event`.
#[derive(Debug, Deserialize)]
pub struct Replay {
    /// What was decided.
    pub outcome: ReplayOutcome,
    /// The event, when it is to be applied.
    pub work: Option<InboxWork>,
}

impl Database<'_> {
    /// Puts a verified event into the inbox, once by its id.
    pub async fn store_webhook_event(
        &self,
        event_id: &str,
        event_type: &str,
        resource_id: Option<&str>,
        body: &str,
        request_id: &str,
    ) -> Result<Stored, DatabaseError> {
        let arguments = serde_json::json!({
            "p_event_id": event_id,
            "p_event_type": event_type,
            "p_resource_id": resource_id,
            "p_body": body,
            "p_request_id": request_id,
            "p_now": self.platform.now(),
        });
        self.call("store_webhook_event", &arguments).await
    }

    /// Claims up to `limit` events that are due.
    pub async fn claim_webhook_events(&self, limit: u32) -> Result<Vec<InboxWork>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("claim_webhook_events", &arguments).await
    }

    /// Notes that an event is applied, and what it came to.
    pub async fn record_webhook_result(
        &self,
        work: &InboxWork,
        result: &str,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_event_id": work.event_id,
            "p_lease": work.lease,
            "p_result": result,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_webhook_result", &arguments)
            .await
            .map(drop)
    }

    /// Notes that an event could not be applied; the database says when it is tried again.
    pub async fn record_webhook_failure(
        &self,
        work: &InboxWork,
        code: &str,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_event_id": work.event_id,
            "p_lease": work.lease,
            "p_error_code": code,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_webhook_failure", &arguments)
            .await
            .map(drop)
    }

    /// Has a dead letter applied again.
    pub async fn replay_webhook_event(
        &self,
        event_id: &str,
        actor: &str,
        request_id: &str,
    ) -> Result<Replay, DatabaseError> {
        let arguments = serde_json::json!({
            "p_event_id": event_id,
            "p_actor": actor,
            "p_request_id": request_id,
            "p_now": self.platform.now(),
        });
        self.call("replay_webhook_event", &arguments).await
    }
}
