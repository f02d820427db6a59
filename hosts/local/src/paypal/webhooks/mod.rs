//! Webhooks: what PayPal tells the merchant by itself.
//!
//! Each change below makes one event, which keeps the resource as the API shows it at that moment. What time alone brings
//! about is noticed when somebody next looks at the events.
//!
//! | event | when | resource |
//! |---|---|---|
//! | `CHECKOUT.ORDER.APPROVED` | the payer approved | the order |
//! | `PAYMENT.AUTHORIZATION.CREATED` | an authorization or a reauthorization that was not denied | the authorization |
//! | `PAYMENT.AUTHORIZATION.VOIDED` | it was voided, or its 29 days are over | the original authorization |
//! | `PAYMENT.CAPTURE.COMPLETED` | a capture, or its e-check, brought the money | the capture |
//! | `PAYMENT.CAPTURE.PENDING` | a capture waits for a review or an e-check | the capture |
//! | `PAYMENT.CAPTURE.DECLINED` | its e-check bounced | the capture |
//! | `PAYMENT.CAPTURE.REFUNDED` | some or all was given back | the refund, whose link `up` is the capture |
//!
//! An event is due at once, and again after every answer that is not 2xx: at most 25 more times in 3 days, after pauses
//! that grow. Each delivery is signed with RSA-SHA256 (PKCS#1 v1.5) over `transmissionId|transmissionTime|webhookId|crc32`,
//! the last being the CRC-32 of the body in decimal. The certificate that signed is served with its intermediate at
//! `/v1/notifications/certs/CERT-LOCAL`; [`root`] is what to trust. `POST /v1/notifications/verify-webhook-signature`
//! verifies over the bytes of the event as they stand in the request.
//!
//! Nothing here sends: who owns a [`Simulator`] takes the [`Delivery`]s, sends them, and says what was answered.
//!
//! Sources: <https://developer.paypal.com/api/rest/webhooks/rest/>, <https://developer.paypal.com/api/rest/webhooks/event-names/>,
//! <https://developer.paypal.com/docs/api/webhooks/v1/>

mod deliveries;
mod events;
mod signature;
mod verification;

pub use self::{
    deliveries::{Delivery, Tamper},
    signature::{WEBHOOK_ID, root},
};
pub(super) use self::{
    events::{EventType, Events},
    verification::router,
};

use self::events::Reported;
use super::{Simulator, links::Links, lock};
use http::StatusCode;

/// Why there is no delivery.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No event of the last 30 days has this id.
    #[error("there is no event {0:?}")]
    UnknownEvent(String),
    /// The key does not sign.
    #[error("hosts/local/certificates/webhook.key.pem cannot sign")]
    Unsigned,
    /// A header cannot be written as HTTP wants it.
    #[error("a delivery cannot be written: {0}")]
    Unwritable(#[from] http::Error),
}

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

    fn links(&self) -> Links<'_> {
        Links::under(&self.inner.public_base)
    }
}
