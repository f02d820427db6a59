//! The access token of a signed-in user, as far as it can be read without its signer's key.

use super::secret::sha256;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;

/// Supabase's tokens have one to two kilobytes.
const MAX_BYTES: usize = 8 * 1024;

/// A text of the form of a JWT (RFC 7519). Only its signer can confirm that it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccessToken {
    digest: [u8; 32],
    expires: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

impl AccessToken {
    /// Parses three parts of base64url. The second holds the token's expiry. The product's own
    /// tokens have no dots.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        let is_jwt = text.len() <= MAX_BYTES
            && parts.next().is_none()
            && is_part(header)
            && is_part(signature);
        if !is_jwt {
            return None;
        }
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        let Claims { exp } = serde_json::from_slice(&claims).ok()?;
        Some(Self {
            digest: sha256(text.as_bytes()),
            expires: Timestamp::from_second(exp).ok()?,
        })
    }

    /// SHA-256 of the token: a key that reveals nothing.
    #[must_use]
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The expiry that the token states.
    #[must_use]
    pub(crate) fn expires(&self) -> Timestamp {
        self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn expiry_is_read() {
        let token = AccessToken::parse(&token(r#"{"sub":"u","exp":1700000000}"#)).unwrap();
        assert_eq!(token.expires().to_string(), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn malformed_token_is_refused() {
        let long = "a".repeat(MAX_BYTES);
        let good = token(r#"{"exp":1}"#);
        for text in [
            String::new(),
            "operator".into(),
            "a.b.c".into(),
            "..".into(),
            token("{}"),
            token(r#"{"exp":"1"}"#),
            token(r#"{"exp":9223372036854775807}"#),
            format!("{good}.more"),
            format!("{good}{long}"),
            format!("{good} "),
            good.replace("e30", ""),
        ] {
            assert_eq!(AccessToken::parse(&text), None, "{text:.40}");
        }
        assert!(AccessToken::parse(&good).is_some());
    }

    #[test]
    fn longest_token_has_8192_bytes() {
        let good = token(r#"{"exp":1}"#);
        let filled = |bytes: usize| format!("{good}{}", "a".repeat(bytes - good.len()));
        assert!(AccessToken::parse(&filled(8_192)).is_some());
        assert!(AccessToken::parse(&filled(8_193)).is_none());
    }

    #[test]
    fn digest_covers_the_whole_token() {
        let good = token(r#"{"exp":1}"#);
        let digest = |text: &str| AccessToken::parse(text).unwrap().digest();
        assert_eq!(digest(&good), sha256(good.as_bytes()));
        assert_ne!(digest(&good), digest(&format!("{good}x")));
    }
}
