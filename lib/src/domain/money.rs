//! Money: a decimal amount and its ISO 4217 currency, never a float.

use crate::domain::refusal::Refusal;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount from 0 to 9,999,999.99 with at most two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount(Decimal);

impl Amount {
    const MAX: Decimal = Decimal::from_parts(999_999_999, 0, 0, false, 2);

    /// Parses digits with an optional point and one or two decimals, such as `1234.50`.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        const SHAPE: Refusal = Refusal::new(
            "invalid_amount",
            "must be a decimal amount such as 1234.50, with at most two decimals",
        );
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let has_digits = |part: &str, max: usize| {
            !part.is_empty() && part.len() <= max && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !has_digits(whole, 7) || !has_digits(fraction, 2) {
            return Err(SHAPE);
        }
        let value: Decimal = text.parse().map_err(|_| SHAPE)?;
        if value > Self::MAX {
            return Err(SHAPE);
        }
        Ok(Self(value))
    }

    /// The amount of a sum. `None` when `value` is negative, too large or finer than a cent.
    #[must_use]
    pub(crate) fn from_decimal(value: Decimal) -> Option<Self> {
        let is_amount =
            !value.is_sign_negative() && value <= Self::MAX && value.round_dp(2) == value;
        is_amount.then_some(Self(value))
    }

    #[must_use]
    pub(crate) fn decimal(self) -> Decimal {
        self.0
    }
}

/// Always with two decimals: `50` is written `50.00`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cents = self
            .0
            .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        cents.rescale(2);
        write!(f, "{cents}")
    }
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|refusal| serde::de::Error::custom(refusal.detail))
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Currency([u8; 3]);

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Currency {
    /// Parses three capital letters.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(Refusal::new(
                "invalid_currency",
                "must be an ISO 4217 code such as USD",
            )),
        }
    }

    /// The number of decimals that PayPal accepts: none for HUF, JPY and TWD, otherwise two.
    /// <https://developer.paypal.com/reference/currency-codes/>
    #[must_use]
    pub(crate) fn decimals(self) -> u32 {
        match &self.0 {
            b"HUF" | b"JPY" | b"TWD" => 0,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|refusal| serde::de::Error::custom(refusal.detail))
    }
}

/// `{"amount":"1234.50","currency":"USD"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: Amount,
    pub(crate) currency: Currency,
}

impl Money {
    /// The value in PayPal's form, with the decimals of the currency.
    #[must_use]
    pub(crate) fn paypal_value(&self) -> String {
        let mut value = self.amount.0.round_dp_with_strategy(
            self.currency.decimals(),
            RoundingStrategy::MidpointAwayFromZero,
        );
        value.rescale(self.currency.decimals());
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_keep_two_decimals() {
        for (text, written) in [
            ("50", "50.00"),
            ("237.6", "237.60"),
            ("0", "0.00"),
            ("9999999.99", "9999999.99"),
        ] {
            assert_eq!(Amount::parse(text).unwrap().to_string(), written);
        }
    }

    #[test]
    fn only_amounts_become_amounts() {
        let from = |text: &str| Amount::from_decimal(text.parse().unwrap());
        for text in ["0", "0.01", "237.600", "9999999.99"] {
            let value: Decimal = text.parse().unwrap();
            assert_eq!(from(text).unwrap().decimal(), value);
        }
        for text in ["-0.01", "10000000", "9999999.991", "0.001"] {
            assert_eq!(from(text), None, "{text}");
        }
    }

    #[test]
    fn currency_is_three_capital_letters() {
        assert_eq!(Currency::parse("USD").unwrap().to_string(), "USD");
        for text in ["usd", "US", "USDX", "U$D", "", "Usd"] {
            let refusal = Currency::parse(text).unwrap_err();
            assert_eq!(refusal.code, "invalid_currency", "{text:?}");
        }
    }

    #[test]
    fn malformed_amount_is_refused() {
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1.234", "10000000", "NaN", "٣", " 1",
            "1.2.3",
        ] {
            assert_eq!(
                Amount::parse(text).unwrap_err().code,
                "invalid_amount",
                "{text:?}"
            );
        }
    }

    #[test]
    fn paypal_value_of_yen_has_no_decimals() {
        let money = |currency| Money {
            amount: Amount::parse("1200.00").unwrap(),
            currency: Currency::parse(currency).unwrap(),
        };
        assert_eq!(money("JPY").paypal_value(), "1200");
        assert_eq!(money("USD").paypal_value(), "1200.00");
    }

    proptest! {
        #[test]
        fn any_cents_survive_json(cents in 0_i64..1_000_000_000) {
            let written = format!("{}.{:02}", cents / 100, cents % 100);
            let amount: Amount = serde_json::from_str(&format!("\"{written}\"")).unwrap();
            prop_assert_eq!(serde_json::to_string(&amount).unwrap(), format!("\"{written}\""));
        }
    }
}
