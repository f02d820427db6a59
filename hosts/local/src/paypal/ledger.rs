//! Everything that PayPal knows, and the operations on it as plain functions of a request and a moment.

use super::{
    authorizations::Authorization, captures::Capture, errors::Refusal, idempotency::RequestIds,
    ids::Ids, links::Links, orders::Order, refunds::Refund, webhooks::Events,
};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Orders and payments by their ids.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Ledger {
    pub(super) ids: Ids,
    pub(super) orders: BTreeMap<String, Order>,
    /// By the id of the original; a reauthorization is a part of what it prolongs.
    pub(super) authorizations: BTreeMap<String, Authorization>,
    pub(super) captures: BTreeMap<String, Capture>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) request_ids: RequestIds,
    #[serde(default)]
    pub(super) events: Events,
}

/// The API's operations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    CreateOrder,
    ShowOrder,
    AuthorizeOrder,
    ShowAuthorization,
    Capture,
    Void,
    Reauthorize,
    ShowCapture,
    Refund,
    ShowRefund,
}

impl Operation {
    /// The description's `operationId`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CreateOrder => "orders.create",
            Self::ShowOrder => "orders.get",
            Self::AuthorizeOrder => "orders.authorize",
            Self::ShowAuthorization => "authorizations.get",
            Self::Capture => "authorizations.capture",
            Self::Void => "authorizations.void",
            Self::Reauthorize => "authorizations.reauthorize",
            Self::ShowCapture => "captures.get",
            Self::Refund => "captures.refund",
            Self::ShowRefund => "refunds.get",
        }
    }

    /// Where its errors are documented.
    pub(super) const fn reference(self) -> &'static str {
        if self.of_orders() {
            "orders/v2"
        } else {
            "payments/v2"
        }
    }

    pub(super) const fn of_orders(self) -> bool {
        matches!(
            self,
            Self::CreateOrder | Self::ShowOrder | Self::AuthorizeOrder
        )
    }

    /// Whether it may change anything.
    pub(super) const fn writes(self) -> bool {
        !matches!(
            self,
            Self::ShowOrder | Self::ShowAuthorization | Self::ShowCapture | Self::ShowRefund
        )
    }
}

/// One request, read.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) request_id: Option<&'a str>,
    /// `Prefer: return=representation`
    pub(super) representation: bool,
    /// An object; an empty one where nothing was sent.
    pub(super) body: &'a Value,
    pub(super) now: Timestamp,
    pub(super) links: Links<'a>,
}

impl<'a> Call<'a> {
    /// For what happens without a request of the merchant's.
    pub(super) const fn of_nobody(now: Timestamp, links: Links<'a>) -> Self {
        static NOTHING: Value = Value::Null;
        Self {
            request_id: None,
            representation: true,
            body: &NOTHING,
            now,
            links,
        }
    }
}

/// What a request came to.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// None with 204.
    pub(super) body: Option<Value>,
}

impl Answer {
    pub(super) const fn new(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
        }
    }

    /// A payment: 201 or 200, with all of it or just `{id, status, links}`.
    pub(super) fn payment(first: bool, body: Value, call: &Call<'_>) -> Self {
        let status = if first {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let body = if call.representation {
            body
        } else {
            json!({ "id": body["id"], "status": body["status"], "links": body["links"] })
        };
        Self::new(status, body)
    }
}

impl Ledger {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            orders: BTreeMap::new(),
            authorizations: BTreeMap::new(),
            captures: BTreeMap::new(),
            refunds: BTreeMap::new(),
            request_ids: RequestIds::new(),
            events: Events::default(),
        }
    }

    /// Carries out one request. `id` is the resource in its path, empty for a new order.
    pub(super) fn perform(
        &mut self,
        operation: Operation,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Answer, Refusal> {
        match operation {
            Operation::CreateOrder => self.create_order(call),
            Operation::ShowOrder => self.show_order(id, call),
            Operation::AuthorizeOrder => self.authorize_order(id, call),
            Operation::ShowAuthorization => self.show_authorization(id, call),
            Operation::Capture => self.capture(id, call),
            Operation::Void => self.void(id, call),
            Operation::Reauthorize => self.reauthorize(id, call),
            Operation::ShowCapture => self.show_capture(id, call),
            Operation::Refund => self.refund(id, call),
            Operation::ShowRefund => self.show_refund(id, call),
        }
    }
}
