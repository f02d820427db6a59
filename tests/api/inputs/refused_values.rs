//! Values that a field of some kind refuses.

use super::{Refused, no_text, refused};
use serde_json::json;

/// What would hurt if it were ever put into a statement.
pub(super) const INJECTION: &str = "x'; DROP TABLE bookings; --";

/// What names no car.
pub(super) fn cars() -> Vec<Refused> {
    let long = "a".repeat(65);
    let mut values = no_text();
    values.extend(refused("empty", &[""]));
    values.extend(refused("too_long", &[&long, &"ä".repeat(20_000)]));
    values.extend(refused(
        "invalid_car",
        &[
            " ", "A", "a b", "a/b", "../etc", "ä", "a\0", "a\n", "%00", "*", "🚗", INJECTION,
        ],
    ));
    values
}

/// What is no day.
pub(super) fn days() -> Vec<Refused> {
    let mut values = no_text();
    values.extend(refused(
        "invalid_date",
        &[
            "",
            " ",
            "tomorrow",
            "2027-02-31",
            "2027-13-01",
            "2027-2-1",
            "20270201",
            "2027-02-01T00:00:00Z",
            " 2027-02-01",
            "9999-01-01",
            "1999-12-31",
            "-2027-02-01",
            "２０２７-02-01",
            "2027-02-0\0",
            &"2027-02-01".repeat(5_000),
            INJECTION,
        ],
    ));
    values
}

/// What is no amount.
pub(super) fn prices() -> Vec<Refused> {
    let mut values = refused(
        "invalid_amount",
        &[
            "",
            " ",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "1.234",
            ".5",
            "1.",
            "10000000",
            "NaN",
            "Infinity",
            "٣",
            "1\0",
            &"9".repeat(20_000),
            INJECTION,
        ],
    );
    for number in [json!(-1), json!(1.234), json!(10_000_000), json!(1e300)] {
        values.push((number, "invalid_amount"));
    }
    for other in [
        json!(true),
        json!([]),
        json!(["1"]),
        json!({}),
        json!({"amount": 1}),
        json!({"value": "1"}),
    ] {
        values.push((other, "wrong_type"));
    }
    values.push((json!({"amount": "x"}), "invalid_amount"));
    values
}

/// `most` characters are the longest; without control characters.
pub(super) fn lines(most: usize) -> Vec<Refused> {
    let mut values = no_text();
    values.extend(refused("empty", &["", "   ", "\u{a0}"]));
    values.extend(refused(
        "too_long",
        &[&"é".repeat(most + 1), &"x".repeat(50_000)],
    ));
    values.extend(refused(
        "invalid_characters",
        &["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b", "a\tb"],
    ));
    values
}

/// What is no address of anybody.
pub(super) fn emails() -> Vec<Refused> {
    refused(
        "invalid_email",
        &[
            "a",
            "@example.com",
            "a@",
            "a@b",
            "a b@example.com",
            "a@b..com",
            "<a@example.com>",
            "a@example.com,b@example.com",
            "a@exam ple.com",
            "ü",
            "\"a\"@example.com",
            INJECTION,
        ],
    )
}
