//! Fields of a query or a JSON body. All errors are collected, so that a client sees them at once.

use crate::domain::refusal::Refusal;
use serde::{
    Deserialize, Serialize,
    de::{Deserializer, Error, MapAccess, Visitor},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// One refused field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// A JSON pointer (RFC 6901). A query parameter is written like a member of the body.
    pub(crate) pointer: String,
    /// The kind of error, for programs.
    pub(crate) code: &'static str,
    /// The text for people.
    pub(crate) detail: &'static str,
}

/// All refused fields, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldErrors(pub(crate) Vec<FieldError>);

/// A body that is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is no JSON, or an object names a member twice.
    Malformed,
    /// It is JSON of another type.
    NotAnObject,
}

/// The members of a JSON object.
///
/// Duplicate members are refused: two readers could see different prices. RFC 8259 leaves them to
/// the reader.
struct Members(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
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
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The fields of one request, and the errors so far.
#[derive(Debug)]
pub(crate) struct Fields {
    members: BTreeMap<String, Value>,
    /// The JSON pointer of the object that holds the members.
    prefix: String,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The members of a JSON body.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, BodyError> {
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

    /// The parameters of a query. A duplicate parameter is refused as ambiguous.
    pub(crate) fn from_query(query: &str) -> Self {
        let mut fields = Self::new(BTreeMap::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_duplicate = fields
                .members
                .insert(name.clone().into_owned(), Value::String(value.into_owned()))
                .is_some();
            if is_duplicate {
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

    /// A required string.
    pub(crate) fn required<T>(
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

    /// A string that may be missing or null.
    pub(crate) fn optional<T>(
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

    /// A decimal amount that may be missing or null: a string, `{"amount":…}`, or a number with its
    /// digits as written.
    pub(crate) fn optional_amount<T>(
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

    /// An amount to pay out, and its currency if one is named: a string, a number with its digits
    /// as written, or `{"amount":…,"currency":…}`. The currency may also stand in the member
    /// `currency` beside the amount. Only a missing member means no amount or no currency. Programs
    /// write null for an empty field and for NaN.
    pub(crate) fn exact_money<A, C>(
        &mut self,
        name: &str,
        parse_amount: impl Fn(&str) -> Result<A, Refusal>,
        parse_currency: impl Fn(&str) -> Result<C, Refusal>,
    ) -> (Option<A>, Option<C>) {
        const NULL: Refusal = Refusal::new("null", "must be an amount, or be left out");
        const TWICE: Refusal = Refusal::new("duplicate", "must be given once");
        let beside = match self.members.get("currency") {
            None => None,
            Some(_) => self.required("currency", &parse_currency),
        };
        let (amount, inside) = match self.members.get(name) {
            Some(Value::Null) => {
                self.refuse(name, NULL);
                (None, None)
            }
            Some(Value::Object(_)) => self
                .optional_object(name, |money| {
                    let amount = match money.members.get("amount") {
                        None | Some(Value::Null) => {
                            money.refuse("amount", Refusal::new("required", "is required"));
                            None
                        }
                        Some(Value::Object(_)) => {
                            money.refuse(
                                "amount",
                                Refusal::new("wrong_type", "must be a decimal amount"),
                            );
                            None
                        }
                        Some(_) => money.optional_amount("amount", &parse_amount),
                    };
                    let currency = match money.members.get("currency") {
                        None => None,
                        Some(_) => money.required("currency", &parse_currency),
                    };
                    Some((amount, currency))
                })
                .unwrap_or((None, None)),
            _ => (self.optional_amount(name, parse_amount), None),
        };
        if beside.is_some() && inside.is_some() {
            self.refuse("currency", TWICE);
        }
        (amount, inside.or(beside))
    }

    /// Refuses members that the request does not have. For requests in which a missing member has a
    /// meaning, so that a misspelled name is not taken for a missing one.
    pub(crate) fn refuse_others(&mut self, known: &[&str]) {
        const UNKNOWN: Refusal = Refusal::new("unknown_member", "is no member of this request");
        let names: Vec<String> = self.members.keys().cloned().collect();
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            self.refuse(name, UNKNOWN);
        }
    }

    /// A whole number that may be missing or null. A query has it as digits.
    pub(crate) fn optional_integer(
        &mut self,
        name: &str,
        least: u32,
        most: u32,
        out_of_range: Refusal,
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
            self.refuse(name, out_of_range);
        }
        bounded
    }

    /// `true` or `false`, or missing or null. A query has it as text.
    pub(crate) fn optional_flag(&mut self, name: &str) -> Option<bool> {
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

    /// An object inside the body that may be missing or null. `read` reads its fields, and their
    /// errors join those of the body.
    pub(crate) fn optional_object<T>(
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

    /// Adds an error for the field `name`.
    pub(crate) fn refuse(&mut self, name: &str, refusal: Refusal) {
        let name = name.replace('~', "~0").replace('/', "~1");
        self.errors.push(FieldError {
            pointer: format!("{}/{name}", self.prefix),
            code: refusal.code,
            detail: refusal.detail,
        });
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// `value`, or the errors if there are any. Call it after the last field.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, FieldErrors> {
        self.finish_required(Some(value))
    }

    /// Like [`Fields::finish`]. `value` is `None` when a required field was refused.
    pub(crate) fn finish_required<T>(self, value: Option<T>) -> Result<T, FieldErrors> {
        match value {
            Some(value) if !self.has_errors() => Ok(value),
            _ => Err(FieldErrors(self.errors)),
        }
    }
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
