//! When an event is delivered, and the request that delivers it.

use super::{
    super::{links::Links, times::moment},
    error::WebhookError,
    events::{Event, Events, Standing},
    signature,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// How often a delivery is repeated.
const MOST_RETRIES: u32 = 25;
/// No retry is due later than this after the event.
const RETRIED_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);
/// The first pause; the n-th is n² times as long, so that all of them come to 69 hours.
const FIRST_PAUSE_SECONDS: i64 = 45;
/// The merchant's address, below wherever the product is.
const PATH: &str = "/api/webhooks/paypal";
const USER_AGENT: &str = "PayPal/AUHD-214.0-LOCAL";

/// An event on its way to the merchant.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event's id, for [`Simulator::answered`](super::super::Simulator::answered).
    pub event: String,
    /// The signed POST; its target is the path alone.
    pub request: Request<Bytes>,
}

/// What an attacker changes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Tamper {
    /// The resource in the body has one more member than what was signed.
    Body,
    /// The first byte of the signature is another one.
    Signature,
    /// The certificate is said to be on a host that is not PayPal's.
    CertUrl,
    /// All is genuine, but of another merchant's webhook.
    WebhookId,
}

impl Event {
    /// One more attempt begins; the next one is due when this one fails.
    fn attempt(&mut self, now: Timestamp) {
        self.attempts += 1;
        if matches!(self.standing, Standing::Due(_)) {
            self.standing = next(self.created_at, self.attempts, now);
        }
    }

    /// The delivery of the latest attempt, sent `now`.
    fn delivery(
        &self,
        tamper: Option<Tamper>,
        now: Timestamp,
        links: Links<'_>,
    ) -> Result<Delivery, WebhookError> {
        let transmission_id = transmission_id(&self.id, self.attempts, now);
        let time = moment(now);
        let webhook_id = match tamper {
            Some(Tamper::WebhookId) => "ANOTHERWEBHOOK001",
            _ => signature::WEBHOOK_ID,
        };
        let message = signature::message(&transmission_id, &time, webhook_id, self.body.as_bytes());
        let signature = signature::sign(&message)?;
        let signature = match tamper {
            Some(Tamper::Signature) => forged(&signature),
            _ => signature,
        };
        let certificate = match tamper {
            Some(Tamper::CertUrl) => {
                format!("https://paypal.example{}", signature::CERTIFICATE_PATH)
            }
            _ => links.address(signature::CERTIFICATE_PATH),
        };
        let body = match tamper {
            Some(Tamper::Body) => {
                self.body
                    .replacen(r#""resource":{"#, r#""resource":{"tampered":true,"#, 1)
            }
            _ => self.body.clone(),
        };
        let request = Request::post(PATH)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .header("paypal-auth-algo", signature::ALGORITHM)
            .header("paypal-auth-version", "v2")
            .header("paypal-cert-url", certificate)
            .header("paypal-transmission-id", transmission_id)
            .header("paypal-transmission-sig", signature)
            .header("paypal-transmission-time", time)
            .body(Bytes::from(body))?;
        Ok(Delivery {
            event: self.id.clone(),
            request,
        })
    }
}

impl Events {
    /// The deliveries that are due, each counted as an attempt.
    pub(super) fn take_due(
        &mut self,
        now: Timestamp,
        most: usize,
        links: Links<'_>,
    ) -> Result<Vec<Delivery>, WebhookError> {
        self.all
            .iter_mut()
            .filter(|event| matches!(event.standing, Standing::Due(moment) if moment <= now))
            .take(most)
            .map(|event| {
                event.attempt(now);
                event.delivery(None, now, links)
            })
            .collect()
    }

    /// A delivery of one event, due or not.
    pub(super) fn deliver(
        &mut self,
        id: &str,
        tamper: Option<Tamper>,
        now: Timestamp,
        links: Links<'_>,
    ) -> Result<Delivery, WebhookError> {
        let event = self
            .all
            .iter_mut()
            .find(|event| event.id == id)
            .ok_or_else(|| WebhookError::UnknownEvent(id.to_owned()))?;
        if tamper.is_none() {
            event.attempt(now);
        }
        event.delivery(tamper, now, links)
    }

    /// An event arrived; whether that is news.
    pub(super) fn delivered(&mut self, id: &str) -> bool {
        let event = self
            .all
            .iter_mut()
            .find(|event| event.id == id && event.standing != Standing::Delivered);
        if let Some(event) = event {
            event.standing = Standing::Delivered;
            return true;
        }
        false
    }
}

/// Where an event stands when its latest attempt, made `now`, fails.
fn next(created_at: Timestamp, attempts: u32, now: Timestamp) -> Standing {
    let pause = SignedDuration::from_secs(FIRST_PAUSE_SECONDS * i64::from(attempts.pow(2)));
    let ends = created_at.checked_add(RETRIED_FOR);
    match (now.checked_add(pause), ends) {
        (Ok(due), Ok(ends)) if attempts <= MOST_RETRIES && due <= ends => Standing::Due(due),
        _ => Standing::GivenUp,
    }
}

/// A UUID that no other attempt has, and that the same attempt always has.
fn transmission_id(event: &str, attempts: u32, now: Timestamp) -> String {
    let digest = Sha256::new()
        .chain_update(event)
        .chain_update(attempts.to_be_bytes())
        .chain_update(now.as_nanosecond().to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest) {
        *byte = from;
    }
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// Another signature of the same length.
fn forged(signature: &str) -> String {
    let mut bytes = STANDARD.decode(signature).unwrap_or_default();
    if let Some(first) = bytes.first_mut() {
        *first ^= 1;
    }
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_and_end_within_three_days() {
        let created = Timestamp::UNIX_EPOCH;
        let mut now = created;
        let mut retries = 0;
        let mut last_pause = SignedDuration::ZERO;
        while let Standing::Due(due) = next(created, retries + 1, now) {
            let pause = due.duration_since(now);
            assert!(pause > last_pause, "{pause} after {last_pause}");
            (now, last_pause, retries) = (due, pause, retries + 1);
        }
        assert_eq!(retries, 25);
        assert_eq!(now.as_second(), 248_625);
    }

    #[test]
    fn no_retry_is_due_after_three_days() {
        let late = Timestamp::from_second(3 * 86_400 - 44).unwrap();
        assert_eq!(next(Timestamp::UNIX_EPOCH, 1, late), Standing::GivenUp);
        let in_time = Timestamp::from_second(3 * 86_400 - 45).unwrap();
        assert!(matches!(
            next(Timestamp::UNIX_EPOCH, 1, in_time),
            Standing::Due(_)
        ));
    }
}
