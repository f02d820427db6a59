//! Invalid values of each kind of field.

use super::{InvalidValue, invalid_texts, other_types};
use serde_json::json;

/// It would do harm as a part of an SQL statement.
pub(super) const INJECTION: &str = "x'; DROP TABLE bookings; --";

pub(super) fn car_values() -> Vec<InvalidValue> {
    let long = "a".repeat(65);
    let mut values = other_types();
    values.extend(invalid_texts("empty", &[""]));
    values.extend(invalid_texts("too_long", &[&long, &"ä".repeat(20_000)]));
    values.extend(invalid_texts(
        "invalid_car",
        &[
            " ", "A", "a b", "a/b", "../etc", "ä", "a\0", "a\n", "%00", "*", "🚗", INJECTION,
        ],
    ));
    values
}

pub(super) fn date_values() -> Vec<InvalidValue> {
    let mut values = other_types();
    values.extend(invalid_texts(
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

pub(super) fn price_values() -> Vec<InvalidValue> {
    let mut values = invalid_texts(
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

/// For a line of at most `limit` characters, without control characters.
pub(super) fn line_values(limit: usize) -> Vec<InvalidValue> {
    let mut values = other_types();
    values.extend(invalid_texts("empty", &["", "   ", "\u{a0}"]));
    values.extend(invalid_texts(
        "too_long",
        &[&"é".repeat(limit + 1), &"x".repeat(50_000)],
    ));
    values.extend(invalid_texts(
        "invalid_characters",
        &["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b", "a\tb"],
    ));
    values
}

pub(super) fn email_values() -> Vec<InvalidValue> {
    invalid_texts(
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
