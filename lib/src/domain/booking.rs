//! The texts that a customer enters for a booking.

use crate::domain::refusal::{Refusal, parse_text, parse_token};
use serde::Serialize;
use uuid::Uuid;

/// The `bookingId` of a request for a PayPal order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BookingName {
    /// A UUID. It may be the id of a booking or a shop's reference.
    Id(Uuid),
    /// A shop's reference: 1 to 64 letters, digits, dots, underscores and hyphens.
    ShopReference(String),
}

impl BookingName {
    /// Parses a UUID or a shop's reference.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self::Id(id));
        }
        parse_token(text, 64, |c| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
        })
        .map(Self::ShopReference)
    }

    /// The same name as a shop's reference.
    #[must_use]
    pub(crate) fn reference(&self) -> String {
        match self {
            Self::Id(id) => id.hyphenated().to_string(),
            Self::ShopReference(reference) => reference.clone(),
        }
    }
}

/// Parses the UUID of a booking.
pub(crate) fn parse_booking_id(text: &str) -> Result<Uuid, Refusal> {
    Uuid::try_parse(text)
        .map_err(|_| Refusal::new("invalid_booking_id", "must be a booking's UUID"))
}

/// The person who books. These data are stored and shown to the holder of the booking's token, and
/// never logged.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Customer {
    /// 1 to 100 characters.
    pub(crate) full_name: String,
    /// Up to 254 characters (RFC 5321, section 4.5.3.1.3).
    pub(crate) email: String,
    /// 5 to 32 characters, see [`parse_phone`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customer(…)")
    }
}

/// Parses a person's name of 1 to 100 characters.
pub(crate) fn parse_full_name(text: &str) -> Result<String, Refusal> {
    parse_text(text, 100)
}

/// Parses an address of the form `local@host.tld`. It may still receive no mail.
pub(crate) fn parse_email(text: &str) -> Result<String, Refusal> {
    const SHAPE: Refusal = Refusal::new("invalid_email", "must be an e-mail address");
    let text = parse_text(text, 254)?;
    let (local, host) = text.rsplit_once('@').ok_or(SHAPE)?;
    let is_host_name = host.contains('.')
        && host.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    let is_local_part = !local.is_empty()
        && local.len() <= 64
        && !local.contains(|c: char| {
            c.is_whitespace() || matches!(c, '@' | '<' | '>' | '"' | ',' | ';' | '\\')
        });
    if is_host_name && is_local_part {
        Ok(text)
    } else {
        Err(SHAPE)
    }
}

/// Parses a telephone number: 5 to 32 digits, spaces and `+-().`, of which at least five are
/// digits.
pub(crate) fn parse_phone(text: &str) -> Result<String, Refusal> {
    let text = parse_text(text, 32)?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let has_only_phone_characters = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '(' | ')' | '.' | ' '));
    if has_only_phone_characters && digits >= 5 {
        Ok(text)
    } else {
        Err(Refusal::new("invalid_phone", "must be a telephone number"))
    }
}

/// Parses an `Idempotency-Key`: 1 to 255 visible ASCII characters.
pub(crate) fn parse_idempotency_key(text: &str) -> Result<String, Refusal> {
    parse_token(text, 255, |c| c.is_ascii_graphic())
}

/// Parses the description that the payer sees. PayPal accepts 127 characters for a purchase unit.
pub(crate) fn parse_description(text: &str) -> Result<String, Refusal> {
    parse_text(text, 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booking_name_is_uuid_or_reference() {
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
    fn email_addresses_are_validated() {
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
    fn debug_hides_customer() {
        let customer = Customer {
            full_name: "Ada Lovelace".into(),
            email: "ada@example.com".into(),
            phone: None,
        };
        assert_eq!(format!("{customer:?}"), "Customer(…)");
    }

    #[test]
    fn phone_numbers_are_validated() {
        assert!(parse_phone("+1 (305) 555-0100").is_ok());
        for bad in ["", "1234", "call me", "+1 305 555 0100 ext 5", "٠١٢٣٤٥"] {
            assert!(parse_phone(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn long_email_address_is_refused() {
        let address = |local: usize, host: usize| {
            let host = "h".repeat(host - 4);
            format!("{}@{host}.com", "l".repeat(local))
        };
        assert!(parse_email(&address(64, 189)).is_ok());
        assert!(parse_email(&address(65, 188)).is_err(), "local part");
        assert!(parse_email(&address(64, 190)).is_err(), "255 characters");
    }

    #[test]
    fn reference_is_the_text_of_the_name() {
        for text in ["0192f0c1-2222-7333-8444-555566667777", "test-123"] {
            assert_eq!(BookingName::parse(text).unwrap().reference(), text);
        }
        let upper_case = BookingName::parse("0192F0C1-2222-7333-8444-555566667777");
        let lower_case = "0192f0c1-2222-7333-8444-555566667777";
        assert_eq!(upper_case.unwrap().reference(), lower_case);
        let id = parse_booking_id(lower_case).unwrap();
        assert_eq!(id.to_string(), lower_case);
        assert!(parse_booking_id("test-123").is_err());
    }

    #[test]
    fn texts_keep_content_within_bounds() {
        type Parse = fn(&str) -> Result<String, Refusal>;
        let parsers: [(Parse, usize); 3] = [
            (parse_full_name, 100),
            (parse_description, 127),
            (parse_idempotency_key, 255),
        ];
        for (parse, max) in parsers {
            for text in ["a", &"x".repeat(max)] {
                assert_eq!(parse(text).as_deref(), Ok(text));
            }
            for text in ["", "a\u{7}b", &"x".repeat(max + 1)] {
                assert!(parse(text).is_err(), "{max} {text:?}");
            }
        }
        assert!(parse_idempotency_key("a b").is_err());
        assert_eq!(parse_full_name(" Ada  L ").as_deref(), Ok("Ada  L"));
    }
}
