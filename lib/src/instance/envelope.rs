//! The stored form of a cached response: `generation stored fresh-until etag`, a line feed, the
//! body.

use crate::domain::secret::sha256;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;

/// A cached response with its generation and its freshness. Times are milliseconds since the Unix
/// epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) generation: String,
    pub(crate) stored: i64,
    pub(crate) fresh_until: i64,
    pub(crate) entity: Entity,
}

/// A body and its strong validator (RFC 9110, section 8.8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    /// The value of `ETag`, quotes included.
    pub(crate) etag: String,
    /// JSON. Empty when the thing does not exist.
    pub(crate) body: Bytes,
}

impl Entity {
    /// The entity of `body`. `None` records that the thing does not exist.
    pub(crate) fn new(body: Option<Bytes>) -> Self {
        let body = body.unwrap_or_default();
        let digest = BASE64_URL_SAFE_NO_PAD.encode(&sha256(&body)[..12]);
        Self {
            etag: format!("\"{digest}\""),
            body,
        }
    }

    /// Whether the thing exists.
    #[must_use]
    pub(crate) fn exists(&self) -> bool {
        !self.body.is_empty()
    }
}

impl Envelope {
    /// Reads a stored envelope. `None` when it is damaged or has another format.
    pub(crate) fn decode(text: String) -> Option<Self> {
        let (head, body) = text.split_once('\n')?;
        let mut parts = head.split(' ');
        let generation = parts.next()?.to_owned();
        let stored = parts.next()?.parse().ok()?;
        let fresh_until = parts.next()?.parse().ok()?;
        let etag = parts.next().filter(|etag| is_validator(etag))?.to_owned();
        if parts.next().is_some() {
            return None;
        }
        let start = head.len() + 1;
        debug_assert_eq!(text.len() - start, body.len());
        Some(Self {
            generation,
            stored,
            fresh_until,
            // A slice of the text: the body is not copied.
            entity: Entity {
                etag,
                body: Bytes::from(text).slice(start..),
            },
        })
    }

    /// The text to store. `None` when the body is not UTF-8.
    pub(crate) fn encode(&self) -> Option<String> {
        let Self {
            generation,
            stored,
            fresh_until,
            entity: Entity { etag, body },
        } = self;
        let body = std::str::from_utf8(body).ok()?;
        Some(format!(
            "{generation} {stored} {fresh_until} {etag}\n{body}"
        ))
    }

    pub(crate) fn is_fresh(&self, generation: &str, now: i64) -> bool {
        self.generation == generation && now < self.fresh_until
    }

    /// Whether it may be served while it is refreshed: for as long again as it was fresh.
    pub(crate) fn may_be_served_stale(&self, generation: &str, now: i64) -> bool {
        let freshness = self.fresh_until - self.stored;
        self.generation == generation && now < self.fresh_until + freshness
    }
}

fn is_validator(text: &str) -> bool {
    let quoted = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    quoted.is_some_and(|inner| !inner.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(body: &'static str) -> Envelope {
        Envelope {
            generation: "g7".into(),
            stored: 1000,
            fresh_until: 2000,
            entity: Entity::new(Some(Bytes::from_static(body.as_bytes()))),
        }
    }

    #[test]
    fn encoded_envelope_decodes_unchanged() {
        for body in ["{\"a\":\"b\\n\"}\nx", "ü", ""] {
            let envelope = envelope(body);
            assert_eq!(Envelope::decode(envelope.encode().unwrap()), Some(envelope));
        }
    }

    #[test]
    fn damaged_envelope_is_ignored() {
        for damaged in [
            "",
            "g",
            "g 1\nbody",
            "g 1 x \"e\"\nbody",
            "g 1 2\nbody",
            "g 1 2 e\nbody",
            "g 1 2 \"e\nbody",
            "g 1 2 \"\nbody",
            "g 1 2 \"\"\nbody",
            "g 1 2 \"e\" more\nbody",
            "g 1 2 \"e\"",
        ] {
            assert_eq!(Envelope::decode(damaged.to_owned()), None, "{damaged:?}");
        }
    }

    #[test]
    fn envelope_turns_stale_then_expires() {
        let envelope = envelope("{}");
        assert!(envelope.is_fresh("g7", 1999) && !envelope.is_fresh("g7", 2000));
        assert!(
            !envelope.is_fresh("g8", 1999),
            "a replaced generation is never fresh"
        );
        assert!(envelope.may_be_served_stale("g7", 2999));
        assert!(!envelope.may_be_served_stale("g7", 3000));
        assert!(!envelope.may_be_served_stale("g8", 2500));
    }

    #[test]
    fn equal_bodies_have_equal_etags() {
        assert_eq!(envelope("{}").entity.etag, envelope("{}").entity.etag);
        assert_ne!(envelope("{}").entity.etag, envelope("{ }").entity.etag);
        assert!(!Entity::new(None).exists());
    }
}
