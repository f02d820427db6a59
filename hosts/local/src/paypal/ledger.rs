//! PayPal's records, and the dispatch of operations on them. An operation is a plain function of
//! the ledger and a request, which carries the time.

use super::{
    authorizations::Authorization, captures::Capture, disputes::Dispute, errors::Refusal,
    idempotency::IdempotencyRecords, ids::Ids, operation::Operation, orders::Order,
    refunds::Refund, request::ApiRequest, response::ApiResponse, webhooks::events::Events,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Orders and payments by id.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Ledger {
    pub(super) ids: Ids,
    pub(super) orders: BTreeMap<String, Order>,
    /// By the id of the original authorization, which contains its reauthorizations.
    pub(super) authorizations: BTreeMap<String, Authorization>,
    pub(super) captures: BTreeMap<String, Capture>,
    pub(super) refunds: BTreeMap<String, Refund>,
    /// Empty in older files.
    #[serde(default)]
    pub(super) disputes: BTreeMap<String, Dispute>,
    pub(super) request_ids: IdempotencyRecords,
    /// Empty for a file without events.
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
            disputes: BTreeMap::new(),
            request_ids: IdempotencyRecords::new(),
            events: Events::default(),
        }
    }

    /// `id` is the resource in the path, empty for a new order.
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
