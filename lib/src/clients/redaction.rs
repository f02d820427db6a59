//! Texts of upstreams, without the values that they quote. Such a value may be a customer's.

/// The longest name in PostgreSQL.
const MAX_NAME: usize = 63;

/// `text` with `…` instead of each quoted part that is no name of a table, column, constraint or
/// member.
pub(super) fn without_values(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '`', '\'']) {
        let (before, quoted) = rest.split_at(start);
        kept.push_str(before);
        let mut chars = quoted.chars();
        let quote = chars.next().unwrap_or('"');
        kept.push(quote);
        rest = chars.as_str();
        // An apostrophe inside a word quotes nothing.
        if quote == '\'' && before.ends_with(char::is_alphanumeric) {
            continue;
        }
        // An unclosed quotation reaches to the end of the text.
        let (value, after) = rest.split_once(quote).unwrap_or((rest, ""));
        kept.push_str(if is_name(value) { value } else { "…" });
        kept.push(quote);
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// Names of our schema are lower case with underscores.
fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= MAX_NAME
        && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out_names_stay() {
        for (text, expected) in [
            (
                "invalid input syntax for type date: \"a@b.example\"",
                "invalid input syntax for type date: \"…\"",
            ),
            (
                "relation \"bookings\" violates constraint \"refunds_once\"",
                "relation \"bookings\" violates constraint \"refunds_once\"",
            ),
            (
                "unknown variant `Jane Doe`, expected `ok`",
                "unknown variant `…`, expected `ok`",
            ),
            (
                "no key '+14155550123', can't go on",
                "no key '…', can't go on",
            ),
            ("unclosed: \"+1415", "unclosed: \"…\""),
            ("\"\" \"a\"\"B\"", "\"…\" \"a\"\"…\""),
            ("no quotation", "no quotation"),
        ] {
            assert_eq!(without_values(text), expected);
        }
    }

    #[test]
    fn only_names_are_kept() {
        for name in ["a", "bookings_2", &"a".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for value in ["", "_a", "2", "Jane", "test-123", "a b", &"a".repeat(64)] {
            assert!(!is_name(value), "{value}");
        }
    }
}
