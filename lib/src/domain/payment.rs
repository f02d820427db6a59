//! Decisions about payments.

use crate::domain::{
    money::Money,
    refusal::{Refusal, parse_token},
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Parses the id of a PayPal order: up to 36 letters, digits and hyphens.
/// <https://developer.paypal.com/docs/api/orders/v2/>
pub(crate) fn parse_order_id(text: &str) -> Result<String, Refusal> {
    parse_token(text, 36, |c| c.is_ascii_alphanumeric() || c == '-')
}

/// The decision about an authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the price: confirm the booking.
    Confirm,
    /// It is another amount or currency: void the authorization.
    Void,
}

/// Compares the authorized money with the price, to the cent.
#[must_use]
pub(crate) fn judge_authorization(price: Money, authorized: Money) -> Verdict {
    if price == authorized {
        Verdict::Confirm
    } else {
        Verdict::Void
    }
}

/// The longest wait that PayPal may request. Its limits are about minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// The time of the next attempt after `attempt` attempts: after the wait that PayPal requested, an
/// hour at most, otherwise by the backoff.
#[must_use]
pub(crate) fn retry_at(now: Timestamp, attempt: u32, requested: Option<Duration>) -> Timestamp {
    let wait = requested.map_or_else(
        || retry_backoff(attempt),
        |requested| requested.min(LONGEST_WAIT),
    );
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
    now.checked_add(wait).unwrap_or(now)
}

/// The wait before attempt number `attempt + 1`: 10 minutes, doubling, at most a day.
///
/// The cron runs every 15 minutes. A first wait of 15 minutes would miss the next run by seconds.
fn retry_backoff(attempt: u32) -> Duration {
    const FIRST: u64 = 10 * 60;
    const MAX: u64 = 24 * 60 * 60;
    let factor = 1_u64
        .checked_shl(attempt.saturating_sub(1).min(16))
        .unwrap_or(u64::MAX);
    Duration::from_secs(FIRST.saturating_mul(factor).min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{Amount, Currency};

    fn money(amount: &str, currency: &str) -> Money {
        Money {
            amount: Amount::parse(amount).unwrap(),
            currency: Currency::parse(currency).unwrap(),
        }
    }

    #[test]
    fn only_exact_price_confirms() {
        let price = money("237.60", "USD");
        assert_eq!(
            judge_authorization(price, money("237.6", "USD")),
            Verdict::Confirm
        );
        for other in [
            money("237.59", "USD"),
            money("237.61", "USD"),
            money("237.60", "EUR"),
        ] {
            assert_eq!(judge_authorization(price, other), Verdict::Void);
        }
    }

    #[test]
    fn requested_wait_is_an_hour_at_most() {
        let now = Timestamp::UNIX_EPOCH;
        for (requested, seconds) in [(0, 0), (120, 120), (4_000_000, 3_600), (u64::MAX, 3_600)] {
            let at = retry_at(now, 9, Some(Duration::from_secs(requested)));
            assert_eq!(at.as_second(), seconds);
        }
    }

    #[test]
    fn backoff_doubles_up_to_a_day() {
        let minutes = |attempt| retry_backoff(attempt).as_secs() / 60;
        assert_eq!([1, 2, 3, 4].map(minutes), [10, 20, 40, 80]);
        assert_eq!([8, 9, 20, u32::MAX].map(minutes), [1280, 1440, 1440, 1440]);
    }
}
