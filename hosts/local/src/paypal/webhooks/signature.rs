//! Signatures of deliveries, and the certificates to verify them.

use super::error::WebhookError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
    },
};
use std::sync::LazyLock;

/// The merchant's only webhook. Webhook ids of PayPal have no hyphens.
pub const WEBHOOK_ID: &str = "LOCALWEBHOOK00001";
/// PayPal's name for RSA-SHA256 (PKCS#1 v1.5).
pub(super) const ALGORITHM: &str = "SHA256withRSA";
/// The path of [`CHAIN`].
pub(super) const CERTIFICATE_PATH: &str = "/v1/notifications/certs/CERT-LOCAL";
/// The signing certificate, then its intermediate.
pub(super) const CHAIN: &str = concat!(
    include_str!("../../../certificates/webhook.pem"),
    include_str!("../../../certificates/intermediate.pem"),
);

const ROOT: &str = include_str!("../../../certificates/root.pem");
const KEY: &str = include_str!("../../../certificates/webhook.key.pem");

static SIGNER: LazyLock<Option<RsaKeyPair>> =
    LazyLock::new(|| RsaKeyPair::from_pkcs8(&STANDARD.decode(content(KEY)).ok()?).ok());

/// The root certificate to trust, as DER in base64 without line breaks.
#[must_use]
pub fn root() -> String {
    content(ROOT)
}

/// The text that the signature of a delivery covers.
pub(super) fn message(
    transmission_id: &str,
    transmission_time: &str,
    webhook_id: &str,
    body: &[u8],
) -> String {
    format!(
        "{transmission_id}|{transmission_time}|{webhook_id}|{}",
        crc32(body)
    )
}

/// The signature of a message, in base64.
pub(super) fn sign(message: &str) -> Result<String, WebhookError> {
    let signer = SIGNER.as_ref().ok_or(WebhookError::Unsigned)?;
    let mut signature = vec![0; signer.public().modulus_len()];
    signer
        .sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .map_err(|_| WebhookError::Unsigned)?;
    Ok(STANDARD.encode(signature))
}

/// Whether this is the signature of [`sign`] for this message.
pub(super) fn is_genuine(message: &str, signature: &str) -> bool {
    let (Some(signer), Ok(signature)) = (SIGNER.as_ref(), STANDARD.decode(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, signer.public_key())
        .verify(message.as_bytes(), &signature)
        .is_ok()
}

/// The base64 between the marker lines of a PEM file.
fn content(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect()
}

/// CRC-32 as in ISO 3309 and gzip (RFC 1952).
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
    use webpki::{
        EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring::RSA_PKCS1_2048_8192_SHA256,
    };

    fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
        pem.split("-----END CERTIFICATE-----")
            .map(content)
            .filter(|content| !content.is_empty())
            .map(|content| CertificateDer::from(STANDARD.decode(content).unwrap()))
            .collect()
    }

    #[test]
    fn checksum_is_crc32() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(
            message("id", "time", "webhook", b"123456789"),
            "id|time|webhook|3421780262"
        );
    }

    #[test]
    fn served_chain_verifies_signatures_up_to_root() {
        let chain = certificates(CHAIN);
        let [leaf, intermediate] = chain.as_slice() else {
            panic!("{} certificates", chain.len());
        };
        let root = CertificateDer::from(STANDARD.decode(root()).unwrap());
        let leaf = EndEntityCert::try_from(leaf).unwrap();
        let anchor = anchor_from_trusted_cert(&root).unwrap();
        // Tests move the clock by years.
        for years in [0, 80] {
            let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
                1_800_000_000 + years * 31_557_600,
            ));
            leaf.verify_for_usage(
                &[RSA_PKCS1_2048_8192_SHA256],
                std::slice::from_ref(&anchor),
                std::slice::from_ref(intermediate),
                time,
                KeyUsage::server_auth(),
                None,
                None,
            )
            .unwrap();
        }
        let name = ServerName::try_from("messageverificationcerts.paypal.com").unwrap();
        leaf.verify_is_valid_for_subject_name(&name).unwrap();

        let signature = sign("a message").unwrap();
        leaf.verify_signature(
            RSA_PKCS1_2048_8192_SHA256,
            b"a message",
            &STANDARD.decode(&signature).unwrap(),
        )
        .unwrap();
        assert!(is_genuine("a message", &signature));
        for (message, signature) in [
            ("another message", signature.as_str()),
            ("a message", "AAAA"),
            ("a message", ""),
            ("a message", "not base64!"),
        ] {
            assert!(!is_genuine(message, signature), "{message}, {signature}");
        }
    }

    #[test]
    fn signatures_are_deterministic() {
        assert_eq!(sign("a message").unwrap(), sign("a message").unwrap());
    }

    #[test]
    fn root_needs_no_shell_quotes() {
        let root = root();
        assert!(root.len() > 1_000);
        assert!(
            root.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)),
            "{root}"
        );
    }
}
