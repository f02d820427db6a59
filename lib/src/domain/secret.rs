//! Secrets, which are never printed and are compared in constant time.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// A key, token or password. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for a request header.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret. The comparison of digests reveals neither content nor
    /// length by its duration.
    #[must_use]
    pub(crate) fn matches(&self, candidate: &str) -> bool {
        Sha256::digest(&self.0)
            .ct_eq(&Sha256::digest(candidate))
            .into()
    }

    /// HMAC-SHA-256 (RFC 2104) of `message` under this secret, as base64url without padding.
    #[must_use]
    pub(crate) fn sign(&self, message: &str) -> String {
        // HMAC accepts keys of any length, so this cannot fail. An empty tag would match nothing.
        Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).map_or_else(
            |_| String::new(),
            |mut mac| {
                mac.update(message.as_bytes());
                BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
            },
        )
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[must_use]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of `text` in lower-case hex.
#[must_use]
pub(crate) fn sha256_hex(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    let capacity = 2 * bytes.len();
    bytes
        .iter()
        .fold(String::with_capacity(capacity), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_secret() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(…)");
    }

    #[test]
    fn only_equal_text_matches() {
        let secret = Secret::new("a-long-enough-secret".into());
        assert!(secret.matches("a-long-enough-secret"));
        for wrong in [
            "",
            "a-long-enough-secre",
            "a-long-enough-secret ",
            "A-long-enough-secret",
        ] {
            assert!(!secret.matches(wrong), "{wrong:?}");
        }
    }

    /// RFC 4231, test case 2.
    #[test]
    fn signature_is_hmac_sha256() {
        let key = Secret::new("Jefe".into());
        assert_eq!(key.expose(), "Jefe");
        let signature = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM";
        assert_eq!(key.sign("what do ya want for nothing?"), signature);
        assert_ne!(key.sign("what do ya want for nothing"), signature);
    }

    #[test]
    fn sha256_follows_fips_180() {
        assert_eq!(
            sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
