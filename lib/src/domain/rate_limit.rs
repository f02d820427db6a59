//! How often a client may ask: a sliding window kept in two counters.
//!
//! The window slides by weighing the previous window's count with the share of it that still lies inside the last
//! `window` seconds. All arithmetic is in whole milliseconds, scaled by the window, so that nothing is rounded in the
//! client's favour.
//!
//! **How wrong it can be.** Let `W` be the window, `L` the limit, `e` the time since the current window began, `p` and `c`
//! what was let in in the previous window and in the current one, and `a` those of the `p` that came within the last `W`.
//! A log would count `c + a`; here the count is `c + p·(W−e)/W`, as if the `p` had come evenly. Since `0 ≤ a ≤ p`, the
//! difference `a − p·(W−e)/W` lies between `−p·(W−e)/W` (all came early) and `p·e/W` (all came late). A request is let in only
//! while `c + p·(W−e)/W ≤ L`, hence `c + a ≤ L + p·e/W`. No fixed window lets in more than `L`, so `p ≤ L`, and with `e < W`
//! any stretch of `W` holds fewer than `2·L`: at most `2·L − 1`, which a client reaches who asks `L` times at the very end of an
//! idle window and then as soon as each is let in. In the long run it is `L` for each `W`.
//!
//! **Requests at the same time.** Reading the counts, deciding and counting is one step inside Redis (`clients::upstash::ADMIT`), so
//! they are one after the other, and what is denied was never counted.

use std::{fmt, net::IpAddr};

/// Which limit a route falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Anyone, by address.
    Public,
    /// A signed-in user, by user.
    Authenticated,
    /// Making a booking.
    Booking,
    /// Anything that talks to PayPal.
    Payment,
    /// Operators and crons.
    Admin,
    /// PayPal itself.
    Webhook,
}

impl Tier {
    /// Every tier, for configuration and reports.
    pub const ALL: [Self; 6] = [
        Self::Public,
        Self::Authenticated,
        Self::Booking,
        Self::Payment,
        Self::Admin,
        Self::Webhook,
    ];

    /// Lower-case name, as in keys, headers and `RATE_LIMIT_<NAME>`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authenticated => "authenticated",
            Self::Booking => "booking",
            Self::Payment => "payment",
            Self::Admin => "admin",
            Self::Webhook => "webhook",
        }
    }

    /// The limit that holds in place of this one for somebody who is signed in.
    #[must_use]
    pub fn of_users(self) -> Self {
        match self {
            Self::Public => Self::Authenticated,
            other => other,
        }
    }

    /// The limit unless configuration says otherwise.
    #[must_use]
    pub fn default_rule(self) -> Rule {
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
    /// Requests, at least 1.
    pub limit: u32,
    /// Seconds, 1 to 86,400.
    pub window_seconds: u32,
}

impl Rule {
    /// Reads `60/60s`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (limit, window) = text.strip_suffix('s')?.split_once('/')?;
        let rule = Self {
            limit: limit.parse().ok()?,
            window_seconds: window.parse().ok()?,
        };
        let sensible =
            (1..=1_000_000).contains(&rule.limit) && (1..=86_400).contains(&rule.window_seconds);
        sensible.then_some(rule)
    }

    fn window_millis(self) -> u64 {
        u64::from(self.window_seconds) * 1000
    }

    /// The number of the window that `now_millis` (since the Unix epoch) falls in.
    #[must_use]
    pub fn window_index(self, now_millis: u64) -> u64 {
        now_millis / self.window_millis()
    }

    /// What counts weigh at `now_millis`.
    #[must_use]
    pub fn weights(self, now_millis: u64) -> Weights {
        let window = self.window_millis();
        Weights {
            most: u64::from(self.limit) * window,
            current: window,
            previous: window - now_millis % window,
        }
    }

    /// Decides on a request that would make `current` the count of its own window.
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

    /// Milliseconds until a repeat would be let in; the denied request is not counted.
    fn wait_millis(self, current: u64, previous: u64, elapsed: u64) -> u64 {
        let window = self.window_millis();
        let limit = u64::from(self.limit);
        // The share of a window, in milliseconds, over which `count` earlier requests may still be weighed.
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

/// A request is let in while `count · current + count before · previous` is `most` at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The limit, for as long as a window is.
    pub most: u64,
    /// Of a request in the present window: all of it, in milliseconds.
    pub current: u64,
    /// Of a request in the window before: the part that still lies within the last window's length, in milliseconds.
    pub previous: u64,
}

/// What became of a request, and what the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is let in.
    pub allowed: bool,
    /// The rule that was applied.
    pub rule: Rule,
    /// Requests left at this moment.
    pub remaining: u64,
    /// Seconds until the fixed window ends.
    pub reset_seconds: u64,
    /// Seconds after which a repeat is let in, if nothing else comes, and not a second sooner; 0 when allowed.
    pub retry_after_seconds: u64,
}

/// Who is counted: an IPv4 address, an IPv6 /64 (one customer's network, RFC 6177), or a user's id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client(String);

impl Client {
    /// The client behind `address`; an IPv4-mapped IPv6 address counts as the IPv4 address.
    #[must_use]
    pub fn from_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_string()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"))
            }
        }
    }

    /// A client known by something better than its address, which must not be a secret.
    #[must_use]
    pub fn named(name: &str) -> Self {
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
    fn rules_are_read_strictly() {
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
    fn the_eleventh_is_denied_and_told_when_to_come_back() {
        let tenth = RULE.decide(10, 0, 0);
        assert!(tenth.allowed);
        assert_eq!(tenth.remaining, 0);
        let eleventh = RULE.decide(11, 0, 0);
        assert!(!eleventh.allowed);
        // Ten in this window weigh less than ten only after a tenth of the next window.
        assert_eq!(eleventh.retry_after_seconds, 66);
    }

    #[test]
    fn ipv6_clients_are_their_network() {
        let client = |text: &str| Client::from_address(text.parse().unwrap()).to_string();
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::1"));
        assert_eq!(client("::ffff:192.0.2.7"), "192.0.2.7");
    }
}

#[cfg(test)]
#[path = "rate_limit_tests.rs"]
mod against_a_log;
