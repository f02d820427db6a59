//! The simulator's side of webhooks.

use super::{
    super::{
        links::Links,
        simulator::{Simulator, lock},
    },
    deliveries::{Delivery, Tamper},
    error::WebhookError,
    events::Reported,
};
use http::StatusCode;

impl Simulator {
    /// What PayPal reported in the last 30 days, oldest first: all of it, or what concerns one order.
    pub(crate) fn events(&self, order: Option<&str>) -> Vec<Reported> {
        let mut ledger = lock(&self.inner.ledger);
        if ledger.notice(self.inner.clock.now(), self.links()) {
            self.inner.changed();
        }
        ledger.events.reported(order)
    }

    /// Takes deliveries that are due, the oldest events first, `most` at most. Each counts as an attempt, and is due again
    /// later unless [`Self::answered`] says before that it arrived.
    ///
    /// # Errors
    /// They cannot be signed.
    pub fn take_deliveries(&self, most: usize) -> Result<Vec<Delivery>, WebhookError> {
        let now = self.inner.clock.now();
        let mut ledger = lock(&self.inner.ledger);
        let noticed = ledger.notice(now, self.links());
        let deliveries = ledger.events.take_due(now, most, self.links())?;
        if noticed || !deliveries.is_empty() {
            self.inner.changed();
        }
        Ok(deliveries)
    }

    /// One more delivery of an event, whether it is due or arrived long ago. It counts as an attempt, unless it is
    /// tampered with: then PayPal knows nothing of it.
    ///
    /// # Errors
    /// There is no such event, or it cannot be signed.
    pub fn deliver(&self, event: &str, tamper: Option<Tamper>) -> Result<Delivery, WebhookError> {
        let now = self.inner.clock.now();
        let mut ledger = lock(&self.inner.ledger);
        let delivery = ledger.events.deliver(event, tamper, now, self.links())?;
        if tamper.is_none() {
            self.inner.changed();
        }
        Ok(delivery)
    }

    /// What the merchant answered to a delivery: 2xx ends the deliveries of its event.
    pub fn answered(&self, event: &str, status: StatusCode) {
        let mut ledger = lock(&self.inner.ledger);
        if status.is_success() && ledger.events.delivered(event) {
            self.inner.changed();
        }
    }

    pub(in crate::paypal) fn links(&self) -> Links<'_> {
        Links::under(&self.inner.public_base)
    }
}
