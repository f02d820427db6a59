//! What a customer may say about a booking.

use crate::domain::refusal::{Refusal, plain_text, token};
use serde::Serialize;
use uuid::Uuid;

/// How `bookingId` names a booking when an order is made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookingName {
    /// Has the shape of one of our ids; it may still be the shop's.
    Id(Uuid),
    /// The shop's own reference: 1 to 64 letters, digits, dots, underscores and hyphens.
    ShopReference(String),
}

impl BookingName {
    /// Reads a UUID or a shop's reference.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self::Id(id));
        }
        token(text, 64, |c| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
        })
        .map(Self::ShopReference)
    }

    /// The text that stands for it as a shop's reference.
    #[must_use]
    pub fn reference(&self) -> String {
        match self {
            Self::Id(id) => id.hyphenated().to_string(),
            Self::ShopReference(reference) => reference.clone(),
        }
    }
}

/// Reads the UUID of a booking.
pub fn parse_booking_id(text: &str) -> Result<Uuid, Refusal> {
    Uuid::try_parse(text)
        .map_err(|_| Refusal::new("invalid_booking_id", "must be a booking's UUID"))
}

/// Who books. Stored, answered to the holder of the booking's token, never logged.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// 1 to 100 characters.
    pub full_name: String,
    /// Up to 254 characters (RFC 5321, section 4.5.3.1.3).
    pub email: String,
    /// 5 to 32 digits and the signs people write between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customer(…)")
    }
}

/// Reads a person's name of 1 to 100 characters.
pub fn parse_full_name(text: &str) -> Result<String, Refusal> {
    plain_text(text, 100)
}

/// Reads an address of the form `local@host.tld`. Whether it receives mail only a mail can tell.
pub fn parse_email(text: &str) -> Result<String, Refusal> {
    const SHAPE: Refusal = Refusal::new("invalid_email", "must be an e-mail address");
    let text = plain_text(text, 254)?;
    let (local, host) = text.rsplit_once('@').ok_or(SHAPE)?;
    let host_is_name = host.contains('.')
        && host.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    let local_is_plain = !local.is_empty()
        && local.len() <= 64
        && !local.contains(|c: char| {
            c.is_whitespace() || matches!(c, '@' | '<' | '>' | '"' | ',' | ';' | '\\')
        });
    if host_is_name && local_is_plain {
        Ok(text)
    } else {
        Err(SHAPE)
    }
}

/// Reads a telephone number: 5 to 32 characters of digits, spaces and `+-().`, at least five of them digits.
pub fn parse_phone(text: &str) -> Result<String, Refusal> {
    let text = plain_text(text, 32)?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '(' | ')' | '.' | ' '));
    if plain && digits >= 5 {
        Ok(text)
    } else {
        Err(Refusal::new("invalid_phone", "must be a telephone number"))
    }
}

/// Reads an `Idempotency-Key`: 1 to 255 visible ASCII characters.
pub fn parse_idempotency_key(text: &str) -> Result<String, Refusal> {
    token(text, 255, |c| c.is_ascii_graphic())
}

/// Reads the description shown to the payer, up to the 127 characters that PayPal takes for a purchase unit.
pub fn parse_description(text: &str) -> Result<String, Refusal> {
    plain_text(text, 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_may_be_ours_and_anything_plain_is_the_shops() {
        assert!(matches!(
            BookingName::parse("0192f0c1-2222-7333-8444-555566667777"),
            Ok(BookingName::Id(_))
        ));
        assert_eq!(
            BookingName::parse("test-123"),
            Ok(BookingName::ShopReference("test-123".into()))
        );
        for text in ["", "a b", "a'b", "é", &"x".repeat(65)] {
            assert!(BookingName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses() {
        for good in ["a@b.co", "Jürgen.Müller@exämple.de", "x+y@sub.example.com"] {
            assert!(parse_email(good).is_ok(), "{good}");
        }
        for bad in [
            "a",
            "@b.co",
            "a@",
            "a@b",
            "a b@c.de",
            "a@b..c",
            "a@b.c\r\nBcc: x@y.z",
            "<a@b.co>",
        ] {
            assert!(parse_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_customer_is_not_shown_by_debug() {
        let customer = Customer {
            full_name: "Ada Lovelace".into(),
            email: "ada@example.com".into(),
            phone: None,
        };
        assert_eq!(format!("{customer:?}"), "Customer(…)");
    }

    #[test]
    fn telephone_numbers() {
        assert!(parse_phone("+1 (305) 555-0100").is_ok());
        for bad in ["", "1234", "call me", "+1 305 555 0100 ext 5", "٠١٢٣٤٥"] {
            assert!(parse_phone(bad).is_err(), "{bad:?}");
        }
    }
}
