//! Signed-in users that this instance knows by their access tokens.
//!
//! These records decide about rate limits alone. Supabase is asked each time an operator's rights
//! are needed.

use crate::domain::access_token::AccessToken;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// The longest time for which a user is known. A revoked session keeps the user's limit for so
/// long.
const USER_MILLIS: i64 = 60_000;
/// The time for which a token is known to be invalid.
const INVALID_MILLIS: i64 = 30_000;
/// The pause before Supabase is asked again about a token, when it did not respond.
const PENDING_MILLIS: i64 = 10_000;
/// The most tokens that Supabase is asked about in [`PENDING_MILLIS`] while it does not respond.
const MAX_PENDING: usize = 4;
/// The most tokens in memory: a hundred kilobytes.
const CAPACITY: usize = 1_000;

/// Users by the digests of their tokens.
#[derive(Debug, Default)]
pub(crate) struct KnownCallers(Mutex<BTreeMap<[u8; 32], Entry>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    caller: CachedCaller,
    /// Milliseconds since the Unix epoch.
    expires: i64,
}

/// The owner of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CachedCaller {
    /// The user with this id.
    User(String),
    /// The token is invalid or has expired.
    Nobody,
    /// Supabase has not responded yet.
    Pending,
}

impl KnownCallers {
    /// The owner of `token`, if this instance knows.
    pub(crate) fn get(&self, token: &AccessToken, now: i64) -> Option<CachedCaller> {
        if token.expires().as_millisecond() <= now {
            return Some(CachedCaller::Nobody);
        }
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(&token.digest())
            .filter(|entry| now < entry.expires)
            .map(|entry| entry.caller.clone())
    }

    /// Makes the caller ask Supabase about `token`: it is unknown, and few requests are pending.
    pub(crate) fn claims_request(&self, token: &AccessToken, now: i64) -> bool {
        if self.get(token, now).is_some() {
            return false;
        }
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = entries
            .values()
            .filter(|entry| entry.caller == CachedCaller::Pending && now < entry.expires)
            .count();
        if pending >= MAX_PENDING {
            return false;
        }
        insert(&mut entries, token, CachedCaller::Pending, now);
        true
    }

    /// Records the owner of `token`. `None` means that the token is invalid.
    pub(crate) fn record(&self, token: &AccessToken, user: Option<&str>, now: i64) {
        let caller = user.map_or(CachedCaller::Nobody, |id| CachedCaller::User(id.to_owned()));
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        insert(&mut entries, token, caller, now);
    }
}

fn insert(
    entries: &mut BTreeMap<[u8; 32], Entry>,
    token: &AccessToken,
    caller: CachedCaller,
    now: i64,
) {
    if entries.len() >= CAPACITY {
        entries.retain(|_, entry| now < entry.expires);
    }
    while entries.len() >= CAPACITY {
        // The keys are digests, so the choice is random.
        entries.pop_first();
    }
    let millis = match caller {
        CachedCaller::User(_) => USER_MILLIS,
        CachedCaller::Nobody => INVALID_MILLIS,
        CachedCaller::Pending => PENDING_MILLIS,
    };
    let expires = token.expires().as_millisecond().min(now + millis);
    entries.insert(token.digest(), Entry { caller, expires });
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    fn token(name: usize, expires: i64) -> AccessToken {
        let claims = format!(r#"{{"sub":"{name}","exp":{expires}}}"#);
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
        AccessToken::parse(&format!("e30.{claims}.c2ln")).unwrap()
    }

    #[test]
    fn user_is_known_for_a_minute() {
        let callers = KnownCallers::default();
        let (long, short) = (token(1, 9_000), token(2, 10));
        callers.record(&long, Some("u"), 1_000);
        callers.record(&short, Some("v"), 1_000);
        let user = |id: &str| Some(CachedCaller::User(id.into()));
        assert_eq!(callers.get(&long, 60_999), user("u"));
        assert_eq!(callers.get(&long, 61_000), None);
        assert_eq!(callers.get(&short, 9_999), user("v"));
        assert_eq!(callers.get(&short, 10_000), Some(CachedCaller::Nobody));
        assert!(
            !callers.claims_request(&short, 10_000),
            "the token has expired"
        );
    }

    #[test]
    fn invalid_token_costs_one_request() {
        let callers = KnownCallers::default();
        let forged = token(1, 9_000);
        assert!(callers.claims_request(&forged, 0));
        assert!(!callers.claims_request(&forged, 1), "a request is pending");
        callers.record(&forged, None, 2);
        assert!(!callers.claims_request(&forged, 30_001));
        assert!(callers.claims_request(&forged, 30_002));
    }

    #[test]
    fn pending_requests_are_bounded() {
        let callers = KnownCallers::default();
        let claims = |now| {
            (0..100)
                .filter(|name| callers.claims_request(&token(*name, 9_000), now))
                .count()
        };
        assert_eq!(claims(0), MAX_PENDING);
        assert_eq!(claims(9_999), 0);
        assert_eq!(claims(10_000), MAX_PENDING);
        callers.record(&token(0, 9_000), None, 10_001);
        assert_eq!(claims(10_002), 1, "one response has arrived");
    }

    #[test]
    fn memory_is_bounded() {
        let callers = KnownCallers::default();
        for name in 0..3 * CAPACITY {
            callers.record(&token(name, 9_000), None, 0);
        }
        assert_eq!(callers.0.lock().unwrap().len(), CAPACITY);
    }
}
