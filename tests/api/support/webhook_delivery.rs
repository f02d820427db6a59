//! Webhook deliveries that the tests sign with the local PayPal's key.
//!
//! They carry events that the local PayPal never sends. For its own events see
//! [`crate::support::local_system::deliver_event`].

use super::{
    client::{Client, Response},
    environment::{new_uuid, variable},
    local_system,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use crc::{CRC_32_ISO_HDLC, Crc};
use reqwest::Method;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};

pub(crate) const PATH: &str = "/api/webhooks/paypal";
/// The headers that every delivery of PayPal has.
pub(crate) const HEADERS: [&str; 5] = [
    "paypal-auth-algo",
    "paypal-cert-url",
    "paypal-transmission-id",
    "paypal-transmission-sig",
    "paypal-transmission-time",
];

const KEY: &str = include_str!("../../../hosts/local/certificates/webhook.key.pem");
static CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A body with its signature headers.
#[derive(Clone)]
pub(crate) struct Delivery {
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

pub(crate) fn new_event(event_type: &str, resource: &Value) -> Value {
    json!({
        "id": format!("WH-{}", new_uuid()),
        "event_type": event_type,
        "resource": resource,
    })
}

/// Signs a body at the present time.
pub(crate) async fn sign(body: impl Into<Vec<u8>>) -> Delivery {
    let body = body.into();
    let (id, time) = (new_uuid(), local_system::now().await);
    let webhook = variable("PAYPAL_WEBHOOK_ID");
    let text = format!("{id}|{time}|{webhook}|{}", CRC_32.checksum(&body));
    let certificate = format!(
        "{}/v1/notifications/certs/CERT-LOCAL",
        variable("PAYPAL_BASE_URL")
    );
    let values = [
        "SHA256withRSA".to_owned(),
        certificate,
        id.to_string(),
        signature(text.as_bytes()),
        time.to_string(),
    ];
    Delivery {
        body,
        headers: HEADERS.into_iter().zip(values).collect(),
    }
}

fn signature(text: &[u8]) -> String {
    let key: String = KEY
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let key = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(key).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text,
        &mut signature,
    )
    .unwrap();
    BASE64_STANDARD.encode(signature)
}

impl Delivery {
    /// Removes a header.
    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        self
    }

    /// Adds a header, even when it exists.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The value of a header, empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| *header == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) async fn deliver(&self, client: &Client) -> Response {
        let mut request = client
            .with_new_address()
            .request(Method::POST, PATH)
            .header("content-type", "application/json")
            .body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Response::to(request).await
    }
}
