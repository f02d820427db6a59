//! The access token of somebody who is signed in, as far as it can be read without asking whose it is.

use super::secret::sha256;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;

/// Longer ones are nobody's: Supabase's have one to two kilobytes.
const MOST_BYTES: usize = 8 * 1024;

/// A JWT (RFC 7519) by its shape. That it is somebody's, only who signed it can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessToken {
    digest: [u8; 32],
    expires: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

impl AccessToken {
    /// Reads three parts of base64url, the second of which says when it ends. Tokens of our own have no dots.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        let is_jwt = text.len() <= MOST_BYTES
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

    /// SHA-256 of the token, which names it without being it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// When it says it ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
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
    fn a_token_says_when_it_ends() {
        let token = AccessToken::parse(&token(r#"{"sub":"u","exp":1700000000}"#)).unwrap();
        assert_eq!(token.expires().to_string(), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn what_is_no_token_is_none() {
        let long = "a".repeat(MOST_BYTES);
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
}
