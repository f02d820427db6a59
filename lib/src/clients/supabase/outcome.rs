//! Decoding of results that name their outcome.

use super::{Arguments, Database, DatabaseError};
use crate::clients::json::{self, Json};
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, VariantAccess,
        Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::Error;

/// The variant that holds every outcome without a variant of its own.
const REFUSED: &str = "refused";

impl Database<'_> {
    /// Calls `function` and decodes its result by its outcome.
    pub(super) async fn call_outcome<T: DeserializeOwned>(
        &self,
        function: &'static str,
        arguments: Arguments<'_>,
    ) -> Result<T, DatabaseError> {
        let body = self.call_raw(function, arguments).await?;
        decode_outcome(&body).map_err(|error| DatabaseError::undecodable(function, error))
    }
}

/// Decodes an enum from a JSON object: the member `outcome` names the variant, and the other
/// members belong to it.
///
/// An enum may have a variant `Refused` with an enum of its own, which gets the other outcomes.
/// Serde's internally tagged enums do the same, but they buffer each member: that would make each
/// function 100 KB larger, and a [`serde_json::value::RawValue`] cannot be buffered.
pub(super) fn decode_outcome<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Name {
        outcome: String,
    }
    let Name { outcome: name } = json::from_slice(body)?;
    T::deserialize(Outcome {
        name,
        body,
        is_refused: false,
    })
}

/// Decodes a result that a test wrote.
#[cfg(test)]
#[expect(
    clippy::needless_pass_by_value,
    reason = "a test writes the value in place"
)]
pub(super) fn decode_value<T: DeserializeOwned>(result: serde_json::Value) -> Result<T, Error> {
    decode_outcome(result.to_string().as_bytes())
}

struct Outcome<'a> {
    name: String,
    /// The whole result. A variant reads its members from it and ignores the others.
    body: &'a [u8],
    /// The variant is [`REFUSED`], so its enum decides by the name.
    is_refused: bool,
}

impl<'de> Deserializer<'de> for Outcome<'de> {
    type Error = Error;

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.is_refused = !variants.contains(&self.name.as_str()) && variants.contains(&REFUSED);
        visitor.visit_enum(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        Json(&mut serde_json::Deserializer::from_slice(self.body)).deserialize_map(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("an outcome is an enum"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Outcome<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name = if self.is_refused { REFUSED } else { &self.name };
        let variant = seed.deserialize(IntoDeserializer::<Error>::into_deserializer(name))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Outcome<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("an outcome has named members"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
    enum Payment {
        #[serde(alias = "replayed")]
        Paid {
            capture_id: String,
        },
        NotPaid,
        Refused(Refusal),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Refusal {
        NotFound,
    }

    fn decode(result: &Value) -> Result<Payment, String> {
        decode_outcome(result.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn outcome_chooses_variant() {
        for outcome in ["paid", "replayed"] {
            let result = json!({ "outcome": outcome, "captureId": "C", "other": 1 });
            let capture_id = "C".to_owned();
            assert_eq!(decode(&result), Ok(Payment::Paid { capture_id }));
        }
        let result = json!({ "outcome": "not_paid", "captureId": null });
        assert_eq!(decode(&result), Ok(Payment::NotPaid));
    }

    #[test]
    fn other_outcomes_belong_to_refusal() {
        let result = json!({ "outcome": "not_found" });
        assert_eq!(decode(&result), Ok(Payment::Refused(Refusal::NotFound)));
    }

    #[test]
    fn broken_results_say_why() {
        for (result, reason) in [
            (json!({}), "missing field `outcome`"),
            (json!({ "outcome": "paid" }), "missing field `captureId`"),
            (
                json!({ "outcome": "gone" }),
                "unknown variant `gone`, expected `not_found`",
            ),
        ] {
            let error = decode(&result).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
        assert!(decode(&json!([])).is_err());
    }
}
