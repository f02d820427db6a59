//! The simulator's methods for events and deliveries.

use super::{
    deliveries::{Delivery, Forgery},
    error::WebhookError,
    events::EventRecord,
};
use crate::paypal::{
    links::Links,
    simulator::{Simulator, lock},
};
use http::StatusCode;

impl Simulator {
    /// The events of the last 30 days, or those of one order, oldest first.
    pub(crate) fn events(&self, order: Option<&str>) -> Vec<EventRecord> {
        let mut ledger = lock(&self.inner.ledger);
        if ledger.emit_timed_events(self.inner.clock.now(), self.links()) {
            self.inner.mark_changed();
        }
        ledger.events.records(order)
    }

    /// Takes due deliveries, oldest first, at most `limit`. Each counts as an attempt. The event is
    /// due again later, unless [`Self::answered`] reports success before that.
    ///
    /// # Errors
    /// A delivery cannot be signed.
    pub fn take_deliveries(&self, limit: usize) -> Result<Vec<Delivery>, WebhookError> {
        let now = self.inner.clock.now();
        let mut ledger = lock(&self.inner.ledger);
        let has_emitted = ledger.emit_timed_events(now, self.links());
        let deliveries = ledger.events.take_due(now, limit, self.links())?;
        if has_emitted || !deliveries.is_empty() {
            self.inner.mark_changed();
        }
        Ok(deliveries)
    }

    /// Another delivery of an event, due or not. It counts as an attempt unless it is forged,
    /// because a forged delivery does not come from PayPal.
    ///
    /// # Errors
    /// The event is unknown, or the delivery cannot be signed.
    pub fn deliver(&self, event: &str, forgery: Option<Forgery>) -> Result<Delivery, WebhookError> {
        let now = self.inner.clock.now();
        let mut ledger = lock(&self.inner.ledger);
        let delivery = ledger.events.deliver(event, forgery, now, self.links())?;
        if forgery.is_none() {
            self.inner.mark_changed();
        }
        Ok(delivery)
    }

    /// Records the status of the merchant's response. After a 2xx, the event is not due again.
    pub fn record_response(&self, event: &str, status: StatusCode) {
        let mut ledger = lock(&self.inner.ledger);
        if status.is_success() && ledger.events.mark_delivered(event) {
            self.inner.mark_changed();
        }
    }

    pub(in crate::paypal) fn links(&self) -> Links<'_> {
        Links::under(&self.inner.public_base)
    }
}
