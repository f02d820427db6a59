//! Values in Redis' replies. They are decoded without an intermediate form, because every cached
//! response passes here.

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use std::fmt;

/// The result of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Nil,
    Integer(i64),
    Text(String),
    List(Vec<Value>),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, a whole number, a string or an array of these")
            }
            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value::Nil)
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Integer(number))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
                i64::try_from(number).map(Value::Integer).map_err(E::custom)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Value::List(list))
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

impl Value {
    /// The text of a string.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array.
    #[must_use]
    pub fn into_list(self) -> Option<Vec<Value>> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The number. `GET` returns a number as text, so text is parsed too.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Nil | Self::List(_) => None,
        }
    }
}

/// One element of a pipeline's reply: `{result}` or `{error}`.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    #[serde(default)]
    error: Option<String>,
    // An `Option` would read the result `null` as a missing one.
    #[serde(default = "nil")]
    result: Value,
}

fn nil() -> Value {
    Value::Nil
}

impl Item {
    /// The value, or the error's text.
    pub(super) fn into_result(self) -> Result<Value, String> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.result),
        }
    }

    /// Whether the server does not know the digest of the script.
    pub(super) fn is_unknown_script(&self) -> bool {
        self.error
            .as_ref()
            .is_some_and(|error| error.contains("NOSCRIPT"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_its_own_result() {
        let items: Vec<Item> = serde_json::from_str(
            r#"[{"result":1},{"result":["x",null]},{"result":null},{"error":"ERR wrong"}]"#,
        )
        .unwrap();
        let mut values = items.into_iter().map(Item::into_result);
        assert_eq!(values.next(), Some(Ok(Value::Integer(1))));
        assert_eq!(
            values.next(),
            Some(Ok(Value::List(vec![Value::Text("x".into()), Value::Nil])))
        );
        assert_eq!(values.next(), Some(Ok(Value::Nil)));
        assert_eq!(values.next(), Some(Err("ERR wrong".into())));
    }
}
