//! The readable history of a run, with a line for each event. It replaces every id with a name.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// Members of the product's JSON whose values are ids, with the kind of each id.
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

#[derive(Default)]
pub(crate) struct History {
    text: String,
    /// By id.
    names: BTreeMap<String, String>,
    /// The number of names of each kind.
    counts: BTreeMap<String, u32>,
}

impl History {
    /// Adds a line.
    pub(crate) fn note(&mut self, now: Timestamp, line: &str) {
        let line = self.replace_ids(line);
        let time = now.to_zoned(TimeZone::UTC);
        writeln!(self.text, "{} {line}", time.strftime("%m-%d %H:%M:%S%.3f")).unwrap();
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Names the ids in a JSON body.
    pub(crate) fn name_ids(&mut self, body: &Value) {
        match body {
            Value::Object(members) => {
                for (name, value) in members {
                    if let Some((_, kind)) = MEMBERS.iter().find(|(member, _)| member == name)
                        && let Some(id) = value.as_str()
                    {
                        self.name(kind, id);
                    }
                    self.name_paypal_ids(name, value);
                    self.name_ids(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.name_ids(item)),
            _ => {}
        }
    }

    /// PayPal's ids all have the member name `id`, so the list's name decides the kind.
    fn name_paypal_ids(&mut self, name: &str, value: &Value) {
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

    pub(crate) fn set_name(&mut self, id: &str, name: &str) {
        self.names.insert(id.to_owned(), name.to_owned());
    }

    /// Gives `id` the next number of its kind, unless it has a name.
    pub(crate) fn name(&mut self, kind: &str, id: &str) {
        if self.names.contains_key(id) {
            return;
        }
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        self.names.insert(id.to_owned(), format!("{kind}-{count}"));
    }

    /// Replaces each id in `text` with its name.
    pub(crate) fn replace_ids(&mut self, text: &str) -> String {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let mut output = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            output.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let word = &rest[..end];
            if is_uuid(word) {
                self.name("uuid", word);
            }
            output.push_str(self.names.get(word).map_or(word, String::as_str));
            rest = &rest[end..];
        }
        output.push_str(rest);
        output
    }
}

fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word
            .chars()
            .all(|letter| letter == '-' || letter.is_ascii_hexdigit())
}
