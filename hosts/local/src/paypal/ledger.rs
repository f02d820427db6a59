//! Everything that PayPal knows, and the operations on it as plain functions of a request and a moment.

use super::{
    authorizations::Authorization, captures::Capture, errors::Refusal, idempotency::RequestIds,
    ids::Ids, operation::Operation, orders::Order, refunds::Refund, request::ApiRequest,
    response::ApiResponse, webhooks::events::Events,
};
use serde::{Deserialize, Serialize};
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
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        match operation {
            Operation::CreateOrder => self.create_order(request),
            Operation::ShowOrder => self.show_order(id, request),
            Operation::AuthorizeOrder => self.authorize_order(id, request),
            Operation::ShowAuthorization => self.show_authorization(id, request),
            Operation::Capture => self.capture(id, request),
            Operation::Void => self.void(id, request),
            Operation::Reauthorize => self.reauthorize(id, request),
            Operation::ShowCapture => self.show_capture(id, request),
            Operation::Refund => self.refund(id, request),
            Operation::ShowRefund => self.show_refund(id, request),
        }
    }
}
