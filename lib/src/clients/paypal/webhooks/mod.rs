//! Whether an event that came in is PayPal's. <https://developer.paypal.com/api/rest/webhooks/rest/>
//!
//! PayPal posts each event with five headers and signs, with the key of a certificate that it publishes,
//!
//! ```text
//! PAYPAL-TRANSMISSION-ID|PAYPAL-TRANSMISSION-TIME|the webhook's id|CRC-32 of the body, as an unsigned decimal
//! ```
//!
//! with RSA, SHA-256 and the padding of PKCS #1 v1.5 (`PAYPAL-AUTH-ALGO: SHA256withRSA`). `PAYPAL-TRANSMISSION-SIG` is
//! the signature in base64, `PAYPAL-CERT-URL` the certificate's address. There are two ways to verify it, see
//! [`Verification`]: PayPal is asked with all of that ([`postback`]), or it is done here, for which the certificate is
//! fetched and must lead to a root that is trusted ([`certificate`]).
//!
//! The checksum is over the bytes that came in, and PayPal computes it again over the event that it is asked about. So
//! those bytes are never parsed and written again. PayPal repeats a delivery for three days and signs each attempt
//! anew; how old one is decides nothing, since an event only says where to look.

mod address;
mod certificate;
mod chain;
mod postback;
mod roots;
mod signature;
#[cfg(test)]
mod tests;

pub use certificate::CertificateCache;

use super::{PayPal, PayPalError};
use crate::config::Verification;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use crc::{CRC_32_ISO_HDLC, Crc};
use http::HeaderMap;
use jiff::Timestamp;

/// No header of PayPal's is longer; the longest by its definition is the signature, with 500 characters.
const MOST_HEADER_BYTES: usize = 1024;

/// The checksum of zip and zlib, which others call CRC-32 without more.
static CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// An event as it came in: what is signed, and by whom it is said to be.
pub struct Delivery {
    transmission_id: String,
    /// RFC 3339, kept as it was written, since that is what is signed.
    transmission_time: String,
    certificate_url: String,
    algorithm: String,
    signature: Vec<u8>,
    body: Bytes,
}

impl Delivery {
    /// Reads the five headers. `None` when one is missing, comes twice or is malformed: PayPal did not send that.
    #[must_use]
    pub fn read(headers: &HeaderMap, body: &Bytes) -> Option<Self> {
        let read = |name| {
            let mut values = headers.get_all(name).iter();
            let text = values.next()?.to_str().ok()?;
            let is_alone = values.next().is_none();
            let is_word = text.bytes().all(|byte| byte.is_ascii_graphic());
            let has_length = (1..=MOST_HEADER_BYTES).contains(&text.len());
            (is_alone && is_word && has_length).then(|| text.to_owned())
        };
        let transmission_time = read("paypal-transmission-time")?;
        transmission_time.parse::<Timestamp>().ok()?;
        Some(Self {
            transmission_id: read("paypal-transmission-id")?,
            transmission_time,
            certificate_url: read("paypal-cert-url")?,
            algorithm: read("paypal-auth-algo")?,
            signature: BASE64_STANDARD
                .decode(read("paypal-transmission-sig")?)
                .ok()?,
            body: body.clone(),
        })
    }

    /// What PayPal signs when it delivers to the webhook `webhook_id`.
    fn signed_text(&self, webhook_id: &str) -> String {
        let (id, time) = (&self.transmission_id, &self.transmission_time);
        let checksum = CRC_32.checksum(&self.body);
        format!("{id}|{time}|{webhook_id}|{checksum}")
    }
}

impl PayPal<'_> {
    /// Whether PayPal signed `delivery`, and for our webhook. `false`: it is forged, or was changed on its way.
    ///
    /// An error says nothing about the delivery: PayPal was not reached, or its answer cannot be used.
    pub async fn verify_webhook(&self, delivery: &Delivery) -> Result<bool, PayPalError> {
        let webhook = self
            .config
            .webhook
            .as_ref()
            .ok_or(PayPalError::Unbuildable {
                operation: "verify_webhook",
            })?;
        match &webhook.verification {
            Verification::Api => self.ask_about(delivery, &webhook.id).await,
            Verification::Certificate { root } => {
                self.check_signature(delivery, &webhook.id, root.as_ref())
                    .await
            }
        }
    }
}
