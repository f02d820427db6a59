//! Decoding of an upstream's JSON, with half the code.
//!
//! `serde_json` also decodes a struct from an array of its members, and an enum from an object. No
//! upstream sends these, but the code for them would be 50 KB of the Worker. Here a struct is an
//! object, and an enum is a string.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

/// Decodes a whole JSON text.
pub(crate) fn from_slice<'de, T: Deserialize<'de>>(text: &'de [u8]) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = T::deserialize(Json(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

/// Wraps a deserializer, an access, a seed or a visitor, so that all of a text is decoded alike.
pub(super) struct Json<T>(pub(super) T);

/// Visits the string that names a variant.
struct Variant<V>(V);

macro_rules! forward {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Json(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Json<D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq
        deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Json(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(Variant(visitor))
    }

    /// By its name, `serde_json` recognizes a [`serde_json::value::RawValue`].
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Json(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_seq(Json(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_seq(Json(visitor))
    }
}

macro_rules! visit {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Json<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str,
        visit_borrowed_str: &'de str, visit_string: String, visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8],
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Json(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Json(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Json(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Json(members))
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Variant<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<V::Value, E> {
        self.0.visit_enum(name.into_deserializer())
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Json<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Json(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Json<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Json(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Json<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Json(seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json, value::RawValue};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Color {
        DarkRed,
        #[serde(other)]
        Unknown,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Paint {
        color: Color,
        #[serde(default)]
        coats: Option<u32>,
    }

    #[derive(Debug, Deserialize)]
    struct PricedItem {
        price: Box<RawValue>,
        more: Value,
    }

    #[test]
    fn structs_are_objects_and_enums_are_strings() {
        let text = br#"[{"color":"dark_red","coats":2},null,{"more":[{}],"color":"blue"}]"#;
        let paints: Vec<Option<Paint>> = from_slice(text).unwrap();
        let (color, coats) = (Color::DarkRed, Some(2));
        assert_eq!(paints[0], Some(Paint { color, coats }));
        assert_eq!(paints[1], None);
        let (color, coats) = (Color::Unknown, None);
        assert_eq!(paints[2], Some(Paint { color, coats }));
        for other in [r#"["dark_red",2]"#, r#"{"color":{"dark_red":null}}"#] {
            assert!(from_slice::<Paint>(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn text_of_raw_values_stays() {
        let text = br#"{"price":{ "b":1.50, "a":null},"more":{"b":[1.5,"x",null]}}"#;
        let priced: PricedItem = from_slice(text).unwrap();
        assert_eq!(priced.price.get(), r#"{ "b":1.50, "a":null}"#);
        assert_eq!(priced.more, json!({ "b": [1.5, "x", null] }));
    }

    #[test]
    fn incomplete_texts_are_errors() {
        for text in [
            "",
            "{",
            r#"{"color":"dark_red"} {}"#,
            "{}",
            r#"{"color":1}"#,
        ] {
            assert!(from_slice::<Paint>(text.as_bytes()).is_err(), "{text}");
        }
        assert!(from_slice::<Option<Paint>>(b"null").unwrap().is_none());
    }
}
