//! What happened, one line each, for people: every id is written as the name that it got when it was first seen.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// The members of an answer of ours whose values are ids, and what these are ids of.
const MEMBERS: [(&str, &str); 10] = [
    ("eventId", "event"),
    ("bookingId", "booking"),
    ("paymentId", "payment"),
    ("orderId", "order"),
    ("orderID", "order"),
    ("authorizationId", "authorization"),
    ("captureId", "capture"),
    ("refundId", "refund"),
    ("lease", "lease"),
    ("runId", "run"),
];

/// The lines so far, and the names.
#[derive(Default)]
pub(crate) struct History {
    text: String,
    names: BTreeMap<String, String>,
    counts: BTreeMap<String, u32>,
}

impl History {
    /// Adds a line.
    pub(crate) fn note(&mut self, now: Timestamp, line: &str) {
        let line = self.named(line);
        let time = now.to_zoned(TimeZone::UTC);
        writeln!(self.text, "{} {line}", time.strftime("%m-%d %H:%M:%S%.3f")).unwrap();
    }

    /// All of it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Gives names to the ids in an answer.
    pub(crate) fn learn(&mut self, answer: &Value) {
        match answer {
            Value::Object(members) => {
                for (name, value) in members {
                    if let Some((_, kind)) = MEMBERS.iter().find(|(member, _)| member == name)
                        && let Some(id) = value.as_str()
                    {
                        self.name(kind, id);
                    }
                    self.learn_paypal(name, value);
                    self.learn(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            _ => {}
        }
    }

    /// PayPal calls every id `id`.
    fn learn_paypal(&mut self, name: &str, value: &Value) {
        let kind = match name {
            "authorizations" => "authorization",
            "captures" => "capture",
            "refunds" => "refund",
            _ => return,
        };
        for item in value.as_array().into_iter().flatten() {
            if let Some(id) = item["id"].as_str() {
                self.name(kind, id);
            }
        }
    }

    /// Calls `id` by a name that is known beforehand.
    pub(crate) fn call(&mut self, id: &str, name: &str) {
        self.names.insert(id.to_owned(), name.to_owned());
    }

    /// Calls `id` the next of its kind, unless it has a name.
    pub(crate) fn name(&mut self, kind: &str, id: &str) {
        if self.names.contains_key(id) {
            return;
        }
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        self.names.insert(id.to_owned(), format!("{kind}-{count}"));
    }

    /// `text` with a name for every id in it.
    pub(crate) fn named(&mut self, text: &str) -> String {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let mut named = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            named.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let word = &rest[..end];
            if is_uuid(word) {
                self.name("uuid", word);
            }
            named.push_str(self.names.get(word).map_or(word, String::as_str));
            rest = &rest[end..];
        }
        named.push_str(rest);
        named
    }
}

fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word
            .chars()
            .all(|letter| letter == '-' || letter.is_ascii_hexdigit())
}
