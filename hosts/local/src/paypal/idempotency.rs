//! Idempotency records: a retry with the same `PayPal-Request-Id` has no second effect.
//!
//! A retry returns the current state of the resource that the first request created. Request ids
//! are unique per merchant, not per resource. An id used for another action or another resource is
//! refused. A refused request leaves no record, so its id can be used again.

use super::{
    behaviour::Unkind,
    errors::{Findings, Refusal},
    ledger::Ledger,
    request::ApiRequest,
    times::saturating_add,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An operation that takes a request id.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    CreateOrder,
    AuthorizeOrder,
    Capture,
    Void,
    Reauthorize,
    Refund,
}

impl Action {
    const fn is_on_orders(self) -> bool {
        matches!(self, Self::CreateOrder | Self::AuthorizeOrder)
    }

    const fn lifetime(self) -> SignedDuration {
        if self.is_on_orders() {
            SignedDuration::from_hours(6)
        } else {
            SignedDuration::from_hours(45 * 24)
        }
    }
}

/// The id of the resource that an action created or changed.
pub(super) enum ActionResult {
    /// From this request.
    Created(String),
    /// From an earlier request with the same id.
    Replayed(String),
}

impl ActionResult {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Created(id) | Self::Replayed(id) => id,
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Created(_) => StatusCode::CREATED,
            Self::Replayed(_) => StatusCode::OK,
        }
    }
}

impl Ledger {
    /// Performs the action, unless an earlier request with the same id performed it. `perform`
    /// returns the id of its result.
    pub(super) fn idempotent(
        &mut self,
        action: Action,
        subject: &str,
        request: &ApiRequest<'_>,
        perform: impl FnOnce(&mut Self) -> Result<String, Refusal>,
    ) -> Result<ActionResult, Refusal> {
        let (request_id, now) = (request.request_id, request.now);
        if let Some(id) = self.request_ids.find_result(request, action, subject)? {
            return Ok(ActionResult::Replayed(id));
        }
        let id = perform(self)?;
        self.request_ids
            .record(request_id, action, subject, &id, now);
        Ok(ActionResult::Created(id))
    }
}

#[derive(Debug, Deserialize, Serialize)]
struct IdempotencyRecord {
    action: Action,
    /// The id in the request's path, empty for a new order.
    subject: String,
    /// The id of the resource that the request created or changed.
    result: String,
    until: Timestamp,
}

/// The records by request id. Orders and payments have separate id spaces.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct IdempotencyRecords {
    orders: BTreeMap<String, IdempotencyRecord>,
    payments: BTreeMap<String, IdempotencyRecord>,
}

impl IdempotencyRecords {
    pub(super) const fn new() -> Self {
        Self {
            orders: BTreeMap::new(),
            payments: BTreeMap::new(),
        }
    }

    /// The result of the first request with this id. None if this request is the first.
    fn find_result(
        &self,
        request: &ApiRequest<'_>,
        action: Action,
        subject: &str,
    ) -> Result<Option<String>, Refusal> {
        let Some(request_id) = request.request_id else {
            return Ok(None);
        };
        let records = if action.is_on_orders() {
            &self.orders
        } else {
            &self.payments
        };
        let is_known = |record: &&IdempotencyRecord| {
            let age = action.lifetime() - record.until.duration_since(request.now);
            let forgets = |unkind: &Unkind| unkind.forgets_request_id(age);
            record.until > request.now && !request.unkind.is_some_and(forgets)
        };
        match records.get(request_id).filter(is_known) {
            None => Ok(None),
            Some(record) if record.action == action && record.subject == subject => {
                Ok(Some(record.result.clone()))
            }
            Some(_) => Err(Findings::semantic("DUPLICATE_REQUEST_ID").into_refusal()),
        }
    }

    fn record(
        &mut self,
        request_id: Option<&str>,
        action: Action,
        subject: &str,
        result: &str,
        now: Timestamp,
    ) {
        let Some(request_id) = request_id else { return };
        let records = if action.is_on_orders() {
            &mut self.orders
        } else {
            &mut self.payments
        };
        records.retain(|_, record| record.until > now);
        let record = IdempotencyRecord {
            action,
            subject: subject.to_owned(),
            result: result.to_owned(),
            until: saturating_add(now, action.lifetime()),
        };
        records.insert(request_id.to_owned(), record);
    }
}
