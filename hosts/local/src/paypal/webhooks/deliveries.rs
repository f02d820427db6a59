//! Deliveries of events: their schedule and their signed requests.

use super::{
    error::WebhookError,
    events::{DeliveryStatus, Event, Events},
    signature,
};
use crate::paypal::{links::Links, times::rfc3339};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

const MAX_RETRIES: u32 = 25;
/// The time after the event in which a retry can be due.
const RETRY_PERIOD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// The n-th pause is n² times as long. All 25 pauses add up to 69 hours.
const FIRST_PAUSE_SECONDS: i64 = 45;
/// The merchant's endpoint, below the product's base URL.
const PATH: &str = "/api/webhooks/paypal";
const USER_AGENT: &str = "PayPal/AUHD-214.0-LOCAL";

/// One attempt to deliver an event to the merchant.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event's id, for
    /// [`Simulator::record_response`](crate::paypal::Simulator::record_response).
    pub event: String,
    /// The signed POST. Its URI is only a path.
    pub request: Request<Bytes>,
}

/// The part of a delivery that an attacker changes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Forgery {
    /// The resource in the body has an additional member.
    Body,
    /// The first byte of the signature is changed.
    Signature,
    /// The certificate's URL has another host than PayPal's.
    CertUrl,
    /// The signature is genuine, but for the webhook of another merchant.
    WebhookId,
}

impl Event {
    /// Counts an attempt and schedules the retry in case the attempt fails.
    fn count_attempt(&mut self, now: Timestamp) {
        self.attempts += 1;
        if matches!(self.status, DeliveryStatus::Due(_)) {
            self.status = status_after_failure(self.created_at, self.attempts, now);
        }
    }

    /// The delivery of the latest attempt.
    fn build_delivery(
        &self,
        forgery: Option<Forgery>,
        now: Timestamp,
        links: Links<'_>,
    ) -> Result<Delivery, WebhookError> {
        let transmission_id = transmission_id(&self.id, self.attempts, now);
        let time = rfc3339(now);
        let webhook_id = match forgery {
            Some(Forgery::WebhookId) => "ANOTHERWEBHOOK001",
            _ => signature::WEBHOOK_ID,
        };
        let message = signature::message(&transmission_id, &time, webhook_id, self.body.as_bytes());
        let signature = signature::sign(&message)?;
        let signature = match forgery {
            Some(Forgery::Signature) => forge_signature(&signature),
            _ => signature,
        };
        let certificate = match forgery {
            Some(Forgery::CertUrl) => {
                format!("https://paypal.example{}", signature::CERTIFICATE_PATH)
            }
            _ => links.address(signature::CERTIFICATE_PATH),
        };
        let body = match forgery {
            Some(Forgery::Body) => {
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
    /// Counts an attempt for each delivery.
    pub(super) fn take_due(
        &mut self,
        now: Timestamp,
        limit: usize,
        links: Links<'_>,
    ) -> Result<Vec<Delivery>, WebhookError> {
        self.all
            .iter_mut()
            .filter(|event| matches!(event.status, DeliveryStatus::Due(time) if time <= now))
            .take(limit)
            .map(|event| {
                event.count_attempt(now);
                event.build_delivery(None, now, links)
            })
            .collect()
    }

    /// A delivery of an event, due or not.
    pub(super) fn deliver(
        &mut self,
        id: &str,
        forgery: Option<Forgery>,
        now: Timestamp,
        links: Links<'_>,
    ) -> Result<Delivery, WebhookError> {
        let event = self
            .all
            .iter_mut()
            .find(|event| event.id == id)
            .ok_or_else(|| WebhookError::UnknownEvent(id.to_owned()))?;
        if forgery.is_none() {
            event.count_attempt(now);
        }
        event.build_delivery(forgery, now, links)
    }

    /// Returns whether the status changed.
    pub(super) fn mark_delivered(&mut self, id: &str) -> bool {
        let event = self
            .all
            .iter_mut()
            .find(|event| event.id == id && event.status != DeliveryStatus::Delivered);
        if let Some(event) = event {
            event.status = DeliveryStatus::Delivered;
            return true;
        }
        false
    }
}

/// The status of an event if its latest attempt, made `now`, fails.
fn status_after_failure(created_at: Timestamp, attempts: u32, now: Timestamp) -> DeliveryStatus {
    let pause = SignedDuration::from_secs(FIRST_PAUSE_SECONDS * i64::from(attempts.pow(2)));
    let end = created_at.checked_add(RETRY_PERIOD);
    match (now.checked_add(pause), end) {
        (Ok(due), Ok(end)) if attempts <= MAX_RETRIES && due <= end => DeliveryStatus::Due(due),
        _ => DeliveryStatus::Failed,
    }
}

/// A UUID that is unique per attempt and reproducible.
fn transmission_id(event: &str, attempts: u32, now: Timestamp) -> String {
    let digest = Sha256::new()
        .chain_update(event)
        .chain_update(attempts.to_be_bytes())
        .chain_update(now.as_nanosecond().to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    for (byte, digest_byte) in bytes.iter_mut().zip(digest) {
        *byte = digest_byte;
    }
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// A wrong signature of the same length.
fn forge_signature(signature: &str) -> String {
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
    fn pauses_grow_and_end_within_three_days() {
        let created = Timestamp::UNIX_EPOCH;
        let mut now = created;
        let mut retries = 0;
        let mut last_pause = SignedDuration::ZERO;
        while let DeliveryStatus::Due(due) = status_after_failure(created, retries + 1, now) {
            let pause = due.duration_since(now);
            assert!(pause > last_pause, "{pause} after {last_pause}");
            (now, last_pause, retries) = (due, pause, retries + 1);
        }
        assert_eq!(retries, 25);
        assert_eq!(now.as_second(), 248_625);
    }

    #[test]
    fn no_retry_is_due_after_three_days() {
        let too_late = Timestamp::from_second(3 * 86_400 - 44).unwrap();
        assert_eq!(
            status_after_failure(Timestamp::UNIX_EPOCH, 1, too_late),
            DeliveryStatus::Failed
        );
        let in_time = Timestamp::from_second(3 * 86_400 - 45).unwrap();
        assert!(matches!(
            status_after_failure(Timestamp::UNIX_EPOCH, 1, in_time),
            DeliveryStatus::Due(_)
        ));
    }
}
