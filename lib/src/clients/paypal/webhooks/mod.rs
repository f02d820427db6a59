//! Verification of webhook events. <https://developer.paypal.com/api/rest/webhooks/rest/>
//!
//! PayPal posts each event with five headers. It signs this text with the key of a certificate that
//! it publishes:
//!
//! ```text
//! PAYPAL-TRANSMISSION-ID|PAYPAL-TRANSMISSION-TIME|webhook id|unsigned CRC-32 of the body
//! ```
//!
//! The algorithm is RSA with SHA-256 and the padding of PKCS #1 v1.5 (`PAYPAL-AUTH-ALGO:
//! SHA256withRSA`). `PAYPAL-TRANSMISSION-SIG` is the signature in base64, and `PAYPAL-CERT-URL` the
//! address of the certificate. [`Verification`] has two ways. Either PayPal verifies the delivery
//! ([`postback`]), or the product does, with a certificate that a trusted root certifies
//! ([`certificate`]).
//!
//! The checksum covers the received bytes, and PayPal recomputes it from the event that we post
//! back. These bytes are therefore never parsed and serialized again. PayPal retries a delivery for
//! three days and signs each attempt. An old delivery is harmless: the event is only a hint to read
//! PayPal's state.

mod address;
mod certificate;
mod chain;
mod postback;
mod roots;
mod signature;
#[cfg(test)]
mod tests;

pub(crate) use certificate::CertificateCache;

use super::{PayPal, PayPalError};
use crate::config::{Verification, Webhook};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use crc::{CRC_32_ISO_HDLC, Crc};
use http::HeaderMap;
use jiff::Timestamp;

/// PayPal's longest header is the signature, with up to 500 characters.
const MAX_HEADER_BYTES: usize = 1024;

/// The CRC-32 of zip and zlib.
static CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A received event with its signature.
pub(crate) struct Delivery {
    transmission_id: String,
    /// RFC 3339 in the received spelling, which is signed.
    transmission_time: String,
    certificate_url: String,
    algorithm: String,
    signature: Vec<u8>,
    body: Bytes,
}

impl Delivery {
    /// Reads the five headers. `None` when one is missing, repeated or malformed: such a request is
    /// not from PayPal.
    #[must_use]
    pub(crate) fn read(headers: &HeaderMap, body: &Bytes) -> Option<Self> {
        let single_header = |name| {
            let mut values = headers.get_all(name).iter();
            let text = values.next()?.to_str().ok()?;
            let is_single = values.next().is_none();
            let is_visible_ascii = text.bytes().all(|byte| byte.is_ascii_graphic());
            let has_length = (1..=MAX_HEADER_BYTES).contains(&text.len());
            (is_single && is_visible_ascii && has_length).then(|| text.to_owned())
        };
        let transmission_time = single_header("paypal-transmission-time")?;
        transmission_time.parse::<Timestamp>().ok()?;
        Some(Self {
            transmission_id: single_header("paypal-transmission-id")?,
            transmission_time,
            certificate_url: single_header("paypal-cert-url")?,
            algorithm: single_header("paypal-auth-algo")?,
            signature: BASE64_STANDARD
                .decode(single_header("paypal-transmission-sig")?)
                .ok()?,
            body: body.clone(),
        })
    }

    /// The text that PayPal signs for the webhook `webhook_id`.
    fn signed_text(&self, webhook_id: &str) -> String {
        let (id, time) = (&self.transmission_id, &self.transmission_time);
        let checksum = CRC_32.checksum(&self.body);
        format!("{id}|{time}|{webhook_id}|{checksum}")
    }
}

/// The origin of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authenticity {
    /// PayPal signed the delivery for our webhook.
    Genuine,
    /// The delivery is not PayPal's, is altered or is for another webhook.
    Forged,
}

impl Authenticity {
    fn of(is_signed: bool) -> Self {
        if is_signed {
            Self::Genuine
        } else {
            Self::Forged
        }
    }
}

impl PayPal<'_> {
    /// Verifies PayPal's signature of `delivery` for `webhook`.
    ///
    /// An error says nothing about the delivery. PayPal was not reached, or its response is
    /// unusable.
    pub(crate) async fn verify_webhook(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
    ) -> Result<Authenticity, PayPalError> {
        match &webhook.verification {
            Verification::Api => self.verify_by_api(delivery, &webhook.id).await,
            Verification::Certificate { root } => {
                self.verify_by_certificate(delivery, &webhook.id, root.as_ref())
                    .await
            }
        }
    }
}
