//! An order with everything that belongs to it, as it was at an earlier time.

use super::{ledger::Ledger, operation::Operation};
use jiff::Timestamp;

impl Ledger {
    /// The order that a request is about. `id` is the resource in the path.
    pub(super) fn order_of(&self, operation: Operation, id: &str) -> Option<&str> {
        match operation {
            Operation::CreateOrder => None,
            Operation::ShowOrder | Operation::AuthorizeOrder => {
                self.orders.get(id).map(|order| order.id.as_str())
            }
            Operation::ShowAuthorization
            | Operation::Capture
            | Operation::Void
            | Operation::Reauthorize => {
                let original = self.original(id).ok()?;
                Some(&original.order_id)
            }
            Operation::ShowCapture | Operation::Refund => self
                .captures
                .get(id)
                .map(|capture| capture.order_id.as_str()),
            Operation::ShowRefund => {
                let refund = self.refunds.get(id)?;
                let capture = self.captures.get(&refund.capture_id)?;
                Some(&capture.order_id)
            }
        }
    }

    /// A ledger with one order and its payments, as they were at `time`. PayPal's decisions carry
    /// their own time, so the copy must be read with the same `time`.
    pub(super) fn family_as_of(&self, order_id: &str, time: Timestamp) -> Self {
        let mut past = Self::new(self.ids.clone());
        let Some(order) = self.orders.get(order_id) else {
            return past;
        };
        let original = order
            .authorization_id
            .as_ref()
            .and_then(|id| self.authorizations.get(id));
        let authorized_at = original.map(|original| original.created_at);
        let Some(order) = order.as_of(time, authorized_at) else {
            return past;
        };
        past.orders.insert(order_id.to_owned(), order);
        let Some(original) = original.and_then(|original| original.as_of(time)) else {
            return past;
        };
        for capture in self.captures_of(&original) {
            let refunds = self.refunds_of(capture);
            for refund in refunds.filter(|refund| refund.created_at <= time) {
                past.refunds.insert(refund.id.clone(), refund.clone());
            }
            if let Some(capture) = capture.as_of(time) {
                past.captures.insert(capture.id.clone(), capture);
            }
        }
        past.authorizations.insert(original.id.clone(), original);
        past
    }
}
