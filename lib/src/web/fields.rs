//! Reading the fields of a query or a JSON body, all of them, before complaining.

use crate::domain::refusal::Refusal;
use serde::{
    Deserialize, Serialize,
    de::{Deserializer, Error, MapAccess, Visitor},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// One field that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901); a query parameter is written like a member of the body.
    pub pointer: String,
    /// What is wrong, for a program.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub detail: &'static str,
}

/// All fields that were refused, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<FieldError>);

/// Why a body is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It cannot be read, or names a member twice.
    Malformed,
    /// It is JSON, but no object.
    NotAnObject,
}

/// The members of a JSON object, each named once (RFC 8259 leaves doubles to the reader; here they are refused, since two
/// readers could disagree on a price).
struct Members(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is named twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Fields being read. Refusals are collected; [`Fields::refused`] gives them when the last field has been read.
#[derive(Debug)]
pub struct Fields {
    members: BTreeMap<String, Value>,
    prefix: String,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The fields of a JSON body.
    pub fn from_json(body: &[u8]) -> Result<Self, BodyError> {
        match serde_json::from_slice::<Members>(body) {
            Ok(Members(members)) => Ok(Self::new(members)),
            Err(error)
                if error.is_data()
                    && serde_json::from_slice::<Value>(body)
                        .is_ok_and(|value| !value.is_object()) =>
            {
                Err(BodyError::NotAnObject)
            }
            Err(_) => Err(BodyError::Malformed),
        }
    }

    /// The parameters of a query. One that is named twice is refused, for nobody can tell which is meant.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        let mut fields = Self::new(BTreeMap::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let twice = fields
                .members
                .insert(name.clone().into_owned(), Value::String(value.into_owned()))
                .is_some();
            if twice {
                fields.refuse(&name, Refusal::new("duplicate", "must be given once"));
            }
        }
        fields
    }

    fn new(members: BTreeMap<String, Value>) -> Self {
        Self {
            members,
            prefix: String::new(),
            errors: Vec::new(),
        }
    }

    /// A text that must be there.
    pub fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        if matches!(self.members.get(name), None | Some(Value::Null)) {
            self.refuse(name, Refusal::new("required", "is required"));
            return None;
        }
        self.optional(name, parse)
    }

    /// A text that may be missing or null.
    pub fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        let parsed = match self.members.get(name)? {
            Value::Null => return None,
            Value::String(text) => parse(text),
            _ => Err(Refusal::new("wrong_type", "must be a string")),
        };
        parsed.map_err(|refusal| self.refuse(name, refusal)).ok()
    }

    /// A decimal amount that may be missing or null: a string, `{"amount":…}`, or a number as it is written.
    pub fn optional_amount<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        const TYPE: Refusal =
            Refusal::new("wrong_type", "must be a decimal amount such as \"1234.50\"");
        let parsed = match self.members.get(name)? {
            Value::Null => return None,
            Value::String(text) => parse(text),
            Value::Number(number) => parse(&number.to_string()),
            Value::Object(money) => match money.get("amount") {
                Some(Value::String(text)) => parse(text),
                _ => Err(TYPE),
            },
            _ => Err(TYPE),
        };
        parsed.map_err(|refusal| self.refuse(name, refusal)).ok()
    }

    /// A whole number that may be missing; from a query it arrives as text.
    pub fn optional_integer(
        &mut self,
        name: &str,
        least: u32,
        most: u32,
        bounds: Refusal,
    ) -> Option<u32> {
        let number = match self.members.get(name)? {
            Value::Null => return None,
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            Value::Number(number) => number.as_u64(),
            _ => None,
        };
        let bounded = number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (least..=most).contains(number));
        if bounded.is_none() {
            self.refuse(name, bounds);
        }
        bounded
    }

    /// `true` or `false`, which may be missing.
    pub fn optional_flag(&mut self, name: &str) -> Option<bool> {
        match self.members.get(name)? {
            Value::Null => None,
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            _ => {
                self.refuse(name, Refusal::new("wrong_type", "must be true or false"));
                None
            }
        }
    }

    /// An object inside the body, which may be missing or null. `read` reads its fields; their refusals join ours.
    pub fn optional_object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let members = match self.members.get(name)? {
            Value::Null => return None,
            Value::Object(object) => object.clone().into_iter().collect(),
            _ => {
                self.refuse(name, Refusal::new("wrong_type", "must be an object"));
                return None;
            }
        };
        let mut inner = Self {
            members,
            prefix: format!("{}/{name}", self.prefix),
            errors: Vec::new(),
        };
        let value = read(&mut inner);
        self.errors.append(&mut inner.errors);
        value
    }

    /// Notes that the field `name` is refused.
    pub fn refuse(&mut self, name: &str, refusal: Refusal) {
        let name = name.replace('~', "~0").replace('/', "~1");
        self.errors.push(FieldError {
            pointer: format!("{}/{name}", self.prefix),
            code: refusal.code,
            detail: refusal.detail,
        });
    }

    /// Whether everything read so far was accepted.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// The refusals, once all fields have been read. Call it when a needed value is missing or [`Fields::is_clean`] is false.
    #[must_use]
    pub fn refused(self) -> FieldErrors {
        FieldErrors(self.errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<String, Refusal> {
        crate::domain::refusal::plain_text(text, 5)
    }

    fn codes(fields: Fields) -> Vec<(String, &'static str)> {
        fields
            .refused()
            .0
            .into_iter()
            .map(|error| (error.pointer, error.code))
            .collect()
    }

    #[test]
    fn all_refusals_are_collected() {
        let mut fields =
            Fields::from_json(br#"{"a":1,"b":null,"c":"","d":"toolong","e":{"f":[]}}"#).unwrap();
        for name in ["a", "b", "c", "d", "z"] {
            assert_eq!(fields.required(name, text), None);
        }
        fields.optional_object("e", |inner| inner.required("f", text));
        assert_eq!(
            codes(fields),
            [
                ("/a".into(), "wrong_type"),
                ("/b".into(), "required"),
                ("/c".into(), "empty"),
                ("/d".into(), "too_long"),
                ("/z".into(), "required"),
                ("/e/f".into(), "wrong_type"),
            ]
        );
    }

    #[test]
    fn bodies_that_are_no_objects() {
        for body in ["", "{", "{\"a\":1,\"a\":2}", "{\"a\":1} x", "\u{feff}{}"] {
            assert_eq!(
                Fields::from_json(body.as_bytes()).unwrap_err(),
                BodyError::Malformed,
                "{body:?}"
            );
        }
        for body in ["[]", "1", "\"a\"", "null"] {
            assert_eq!(
                Fields::from_json(body.as_bytes()).unwrap_err(),
                BodyError::NotAnObject,
                "{body:?}"
            );
        }
        assert_eq!(
            Fields::from_json(&b"[".repeat(10_000)).unwrap_err(),
            BodyError::Malformed
        );
    }

    #[test]
    fn a_query_says_each_thing_once() {
        let mut fields = Fields::from_query("page=2&page=3&limit=1e9");
        assert_eq!(
            fields.optional_integer(
                "limit",
                1,
                50,
                Refusal::new("out_of_range", "must be from 1 to 50")
            ),
            None
        );
        assert_eq!(
            codes(fields),
            [
                ("/page".into(), "duplicate"),
                ("/limit".into(), "out_of_range")
            ]
        );
    }
}
