//! Tests with the local PayPal's certificates and with events signed by its key.

mod addresses;
mod certificates;
mod chains;
mod deliveries;
mod postbacks;

use super::{Authenticity, CRC_32, CertificateCache, Delivery};
use crate::{
    clients::paypal::{PayPal, PayPalError, TokenCache},
    config::{PayPal as Config, PayPalMode, Verification, Webhook},
    domain::secret::Secret,
    platform::{Deadline, Platform, TransportError},
    scripted::ScriptedPlatform,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use rsa::{PrivateKey, pkcs8::DecodePrivateKey, sha2::Sha256};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{sync::LazyLock, time::Duration};
use webpki::anchor_from_trusted_cert;

/// A file of the local PayPal.
macro_rules! local {
    ($file:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../hosts/local/certificates/",
            $file
        ))
    };
}
pub(super) use local;

const ROOT: &str = local!("root.pem");
/// The chain that the local PayPal publishes.
const CHAIN: &str = concat!(local!("webhook.pem"), local!("intermediate.pem"));
const BASE: &str = "http://paypal.test:4010";
const URL: &str = "http://paypal.test:4010/v1/notifications/certs/CERT-LOCAL";
const WEBHOOK: &str = "LOCAL-WEBHOOK";
const NOW: &str = "2027-06-01T12:00:00Z";
/// A parser and serializer would change the spaces of this text.
const EVENT: &str = r#"{"id":"WH-1", "event_type":"PAYMENT.CAPTURE.COMPLETED","summary":"12,50 €","resource":{"id":"C1"}}"#;

type Response = Result<(u16, &'static str), TransportError>;

/// An event before PayPal signs it.
#[derive(Clone)]
struct Event {
    id: &'static str,
    time: &'static str,
    webhook: &'static str,
    url: &'static str,
    algorithm: &'static str,
    body: Bytes,
}

impl Default for Event {
    fn default() -> Self {
        Self {
            id: "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
            time: "2027-06-01T11:59:58Z",
            webhook: WEBHOOK,
            url: URL,
            algorithm: "SHA256withRSA",
            body: Bytes::from_static(EVENT.as_bytes()),
        }
    }
}

impl Event {
    fn signature(&self) -> Vec<u8> {
        static KEY: LazyLock<PrivateKey> =
            LazyLock::new(|| PrivateKey::from_pkcs8_pem(local!("webhook.key.pem")).unwrap());
        self.signature_by(&KEY)
    }

    fn signature_by(&self, key: &PrivateKey) -> Vec<u8> {
        let checksum = CRC_32.checksum(&self.body);
        let (id, time, webhook) = (self.id, self.time, self.webhook);
        let text = format!("{id}|{time}|{webhook}|{checksum}");
        key.pkcs1v15_sign::<Sha256>(text.as_bytes()).unwrap()
    }

    fn headers(&self, signature: &[u8]) -> HeaderMap {
        let signature = BASE64_STANDARD.encode(signature);
        [
            ("paypal-transmission-id", self.id),
            ("paypal-transmission-time", self.time),
            ("paypal-transmission-sig", &signature),
            ("paypal-cert-url", self.url),
            ("paypal-auth-algo", self.algorithm),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
    }

    /// The delivery of this event with `signature`.
    fn delivered_with(&self, signature: &[u8]) -> Delivery {
        Delivery::read(&self.headers(signature), &self.body).unwrap()
    }

    /// The delivery of this event with PayPal's signature.
    fn delivered(&self) -> Delivery {
        self.delivered_with(&self.signature())
    }
}

/// PayPal's client with a scripted PayPal and with empty caches.
struct TestClient {
    platform: ScriptedPlatform,
    config: Config,
    webhook: Webhook,
    tokens: TokenCache,
    certificates: CertificateCache,
}

impl TestClient {
    fn new(
        start: &str,
        verification: Verification,
        responses: impl IntoIterator<Item = Response>,
    ) -> Self {
        Self {
            platform: ScriptedPlatform::at(start, responses),
            config: Config {
                base_url: BASE.into(),
                mode: PayPalMode::Sandbox,
                client_id: "id".into(),
                client_secret: Secret::new("secret".into()),
                webhook: None,
            },
            webhook: Webhook {
                id: WEBHOOK.into(),
                verification,
            },
            tokens: TokenCache::default(),
            certificates: CertificateCache::default(),
        }
    }

    /// A client that verifies by certificate and trusts `root`.
    fn trusting(root: &str, start: &str, responses: impl IntoIterator<Item = Response>) -> Self {
        let root = CertificateDer::from_pem_slice(root.as_bytes()).unwrap();
        let root = anchor_from_trusted_cert(&root).unwrap().to_owned();
        let verification = Verification::Certificate { root: Some(root) };
        Self::new(start, verification, responses)
    }

    fn verify(&self, delivery: &Delivery) -> Result<Authenticity, PayPalError> {
        let deadline = Deadline::after(self.platform.now(), Duration::from_secs(10));
        PayPal::new(
            &self.platform,
            &self.config,
            &self.tokens,
            &self.certificates,
            deadline,
        )
        .verify_webhook(&self.webhook, delivery)
        .now_or_never()
        .unwrap()
    }

    /// Whether the delivery is genuine. PayPal must not fail.
    fn accepts(&self, delivery: &Delivery) -> bool {
        self.verify(delivery).unwrap() == Authenticity::Genuine
    }

    /// The number of requests to PayPal.
    fn requests(&self) -> usize {
        self.platform.paths().len()
    }
}
