//! Rate limits: a sliding window approximated by two counters of fixed windows.
//!
//! The count of the previous window is weighted by the share of that window that lies within the
//! last `window` seconds. All arithmetic uses whole milliseconds, scaled by the window, so no
//! rounding favors the client.
//!
//! **Error bound.** Let `W` be the window, `L` the limit and `e` the time since the current window
//! began. Let `p` and `c` be the allowed requests of the previous and the current window. Of the
//! `p`, let `a` be those within the last `W`.
//!
//! An exact log counts `c + a`. This module counts `c + p·(W−e)/W`, as if the `p` were spread
//! evenly. Since `0 ≤ a ≤ p`, the difference `a − p·(W−e)/W` lies between `−p·(W−e)/W` (all early)
//! and `p·e/W` (all late). A request is allowed only while `c + p·(W−e)/W ≤ L`, hence
//! `c + a ≤ L + p·e/W`. A fixed window allows at most `L`, so `p ≤ L`. With `e < W`, any interval
//! of length `W` has at most `2·L − 1` requests. A client reaches this bound with `L` requests at
//! the very end of an idle window, followed by one whenever the limit allows it. In the long run,
//! each `W` has `L`.
//!
//! **Concurrent requests.** Redis reads the counts, decides and counts in one atomic step
//! (`clients::upstash::ADMIT`). A denied request is not counted.

use std::{fmt, net::IpAddr};

/// The kind of a limit. Each route has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tier {
    /// Any client, by address.
    Public,
    /// A signed-in user, by id.
    Authenticated,
    /// Creating a booking.
    Booking,
    /// Routes that call PayPal.
    Payment,
    /// Operators and crons.
    Admin,
    /// PayPal's events.
    Webhook,
}

impl Tier {
    pub(crate) const ALL: [Self; 6] = [
        Self::Public,
        Self::Authenticated,
        Self::Booking,
        Self::Payment,
        Self::Admin,
        Self::Webhook,
    ];

    /// The name in keys, headers and, in capitals, `RATE_LIMIT_<NAME>`.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authenticated => "authenticated",
            Self::Booking => "booking",
            Self::Payment => "payment",
            Self::Admin => "admin",
            Self::Webhook => "webhook",
        }
    }

    /// The tier that replaces this one for a signed-in user.
    #[must_use]
    pub(crate) fn of_users(self) -> Self {
        match self {
            Self::Public => Self::Authenticated,
            other => other,
        }
    }

    /// The limit without a configured one.
    #[must_use]
    pub(crate) fn default_rule(self) -> Rule {
        let limit = match self {
            Self::Public => 60,
            Self::Authenticated => 120,
            Self::Booking | Self::Payment => 10,
            Self::Admin => 300,
            Self::Webhook => 100,
        };
        Rule {
            limit,
            window_seconds: 60,
        }
    }
}

/// `limit` requests in any `window_seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// 1 to 1,000,000.
    pub limit: u32,
    /// 1 to 86,400.
    pub window_seconds: u32,
}

impl Rule {
    /// Parses a text such as `60/60s`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (limit, window) = text.strip_suffix('s')?.split_once('/')?;
        let rule = Self {
            limit: limit.parse().ok()?,
            window_seconds: window.parse().ok()?,
        };
        let is_valid =
            (1..=1_000_000).contains(&rule.limit) && (1..=86_400).contains(&rule.window_seconds);
        is_valid.then_some(rule)
    }

    fn window_millis(self) -> u64 {
        u64::from(self.window_seconds) * 1000
    }

    /// The number of the window that contains `now_millis` (since the Unix epoch).
    #[must_use]
    pub(crate) fn window_index(self, now_millis: u64) -> u64 {
        now_millis / self.window_millis()
    }

    /// The weights of the counts at `now_millis`.
    #[must_use]
    pub fn weights(self, now_millis: u64) -> Weights {
        let window = self.window_millis();
        Weights {
            most: u64::from(self.limit) * window,
            current: window,
            previous: window - now_millis % window,
        }
    }

    /// Decides about a request. `current` includes it.
    #[must_use]
    pub fn decide(self, current: u64, previous: u64, now_millis: u64) -> Decision {
        let weights = self.weights(now_millis);
        let (window, left) = (weights.current, weights.previous);
        let used = current
            .saturating_mul(window)
            .saturating_add(previous.saturating_mul(left));
        let allowed = used <= weights.most;
        Decision {
            allowed,
            rule: self,
            remaining: if allowed {
                (weights.most - used) / window
            } else {
                0
            },
            reset_seconds: left.div_ceil(1000),
            retry_after_seconds: if allowed {
                0
            } else {
                self.wait_millis(current, previous, window - left)
                    .div_ceil(1000)
                    .max(1)
            },
        }
    }

    /// Milliseconds until a retry is allowed. The denied request is not counted.
    fn wait_millis(self, current: u64, previous: u64, elapsed: u64) -> u64 {
        let window = self.window_millis();
        let limit = u64::from(self.limit);
        // The largest share of a window, in milliseconds, at which `count` earlier requests weigh
        // no more than `room`.
        let share = |room: u64, count: u64| {
            (room * window)
                .checked_div(count)
                .unwrap_or(window)
                .min(window)
        };
        if current <= limit {
            (window - share(limit - current, previous)).saturating_sub(elapsed)
        } else {
            (window - elapsed) + (window - share(limit - 1, current - 1))
        }
    }
}

/// The weights of the two counts. A request is allowed while
/// `current count · current + previous count · previous ≤ most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The limit times the window, in milliseconds.
    pub most: u64,
    /// The weight of a request in the current window: the window in milliseconds.
    pub current: u64,
    /// The weight of a request in the previous window: the milliseconds of that window which lie
    /// within the sliding window.
    pub previous: u64,
}

/// The decision about a request, with the figures for the response's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    pub(crate) rule: Rule,
    /// The number of further requests that are allowed at this time.
    pub(crate) remaining: u64,
    /// Seconds until the current fixed window ends.
    pub(crate) reset_seconds: u64,
    /// Seconds until a retry is allowed, if no other request comes; 0 for an allowed request. A
    /// retry one second earlier is denied.
    pub(crate) retry_after_seconds: u64,
}

/// The party that is counted: an IPv4 address, an IPv6 /64 (one site's network, RFC 6177) or a
/// user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(String);

impl Client {
    /// The client at `address`. An IPv4-mapped IPv6 address counts as the IPv4 address.
    #[must_use]
    pub(crate) fn from_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_string()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"))
            }
        }
    }

    /// A client with a better name than its address. The name must not be a secret.
    #[must_use]
    pub(crate) fn named(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        limit: 10,
        window_seconds: 60,
    };

    #[test]
    fn malformed_rule_is_refused() {
        assert_eq!(
            Rule::parse("60/60s"),
            Some(Rule {
                limit: 60,
                window_seconds: 60
            })
        );
        for text in [
            "",
            "60",
            "60/60",
            "0/60s",
            "60/0s",
            "-1/60s",
            "60/60m",
            "60/99999s",
            "a/bs",
        ] {
            assert_eq!(Rule::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn tiers_have_names_and_limits() {
        let tiers = Tier::ALL.map(|tier| {
            let Rule {
                limit,
                window_seconds,
            } = tier.default_rule();
            assert_eq!(window_seconds, 60);
            format!("{} {limit} {}", tier.name(), tier.of_users().name())
        });
        let expected = [
            "public 60 authenticated",
            "authenticated 120 authenticated",
            "booking 10 booking",
            "payment 10 payment",
            "admin 300 admin",
            "webhook 100 webhook",
        ];
        assert_eq!(tiers, expected);
    }

    #[test]
    fn eleventh_request_is_denied_with_retry_time() {
        let tenth = RULE.decide(10, 0, 0);
        assert!(tenth.allowed);
        assert_eq!(tenth.remaining, 0);
        let eleventh = RULE.decide(11, 0, 0);
        assert!(!eleventh.allowed);
        // Ten requests of this window leave room for one after a tenth of the next window.
        assert_eq!(eleventh.retry_after_seconds, 66);
    }

    /// Half of the previous window is still within the last minute: 4 requests weigh as 2.
    #[test]
    fn remaining_requests_weigh_previous_window() {
        let middle = 1_893_456_000_000 + 30_000;
        let decision = RULE.decide(3, 4, middle);
        assert_eq!((decision.allowed, decision.remaining), (true, 5));
        assert_eq!(
            (decision.reset_seconds, decision.retry_after_seconds),
            (30, 0)
        );
        let last = RULE.decide(8, 4, middle);
        assert_eq!((last.allowed, last.remaining), (true, 0));
        assert!(!RULE.decide(8, 5, middle).allowed);
    }

    #[test]
    fn ipv6_client_is_its_network() {
        let client = |text: &str| Client::from_address(text.parse().unwrap()).to_string();
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::1"));
        assert_eq!(client("::ffff:192.0.2.7"), "192.0.2.7");
    }
}

#[cfg(test)]
#[path = "rate_limit_tests.rs"]
mod exact_log_tests;
