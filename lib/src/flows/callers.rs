//! Who is signed in, as far as this instance knows.
//!
//! Supabase knows whose an access token is, and asking it is a round trip. So a token that was never seen here counts by
//! the client's address, and Supabase is asked once the answer has left; from then on its owner counts for themselves.
//! This decides on limits alone: what only operators may do, Supabase is asked about each time.

use crate::{
    app::App,
    clients::supabase::{DatabaseError, User},
    domain::access_token::AccessToken,
    http::request::Request,
    platform::Deadline,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long an owner is known for, at most: a session that ended counts for so long as its user's.
const USER_MILLIS: i64 = 60_000;
/// How long it is known that a token is nobody's.
const NOBODY_MILLIS: i64 = 30_000;
/// How long a token that Supabase was asked about waits to be asked about again, when no answer came.
const ASKED_MILLIS: i64 = 10_000;
/// Tokens that Supabase is asked about at a time. While it does not answer, so many in [`ASKED_MILLIS`].
const MOST_ASKED: usize = 4;
/// Tokens known at a time: a hundred kilobytes.
const MOST: usize = 1_000;
/// How long Supabase may take after a response.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// The tokens that this instance learnt about a moment ago, by their digests.
#[derive(Debug, Default)]
pub struct KnownCallers(Mutex<BTreeMap<[u8; 32], Known>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    whose: Whose,
    /// Milliseconds since the Unix epoch.
    until: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    /// The user's with this id.
    User(String),
    Nobody,
    /// Supabase was asked and did not answer yet.
    Asked,
}

impl KnownCallers {
    fn whose(&self, token: &AccessToken, now: i64) -> Option<Whose> {
        if token.expires().as_millisecond() <= now {
            return Some(Whose::Nobody);
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&token.digest())
            .filter(|known| now < known.until)
            .map(|known| known.whose.clone())
    }

    /// Whether Supabase is to be asked about `token`: nobody has, and it is not being asked about too many others.
    fn is_to_be_asked(&self, token: &AccessToken, now: i64) -> bool {
        if self.whose(token, now).is_some() {
            return false;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = known
            .values()
            .filter(|known| known.whose == Whose::Asked && now < known.until)
            .count();
        if asked >= MOST_ASKED {
            return false;
        }
        remember(&mut known, token, Whose::Asked, now);
        true
    }

    fn learn(&self, token: &AccessToken, user: Option<&str>, now: i64) {
        let whose = user.map_or(Whose::Nobody, |id| Whose::User(id.to_owned()));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remember(&mut known, token, whose, now);
    }
}

fn remember(known: &mut BTreeMap<[u8; 32], Known>, token: &AccessToken, whose: Whose, now: i64) {
    if known.len() >= MOST {
        known.retain(|_, known| now < known.until);
    }
    while known.len() >= MOST {
        // By digest, so whose token goes is chance.
        known.pop_first();
    }
    let millis = match whose {
        Whose::User(_) => USER_MILLIS,
        Whose::Nobody => NOBODY_MILLIS,
        Whose::Asked => ASKED_MILLIS,
    };
    let until = token.expires().as_millisecond().min(now + millis);
    known.insert(token.digest(), Known { whose, until });
}

fn token_of(request: &Request) -> Option<AccessToken> {
    AccessToken::parse(request.bearer()?)
}

fn now(app: &App) -> i64 {
    app.platform().now().as_millisecond()
}

/// The id of the user who sent `request`, if this instance knows.
pub(super) fn user_of(app: &App, request: &Request) -> Option<String> {
    match app.known_callers().whose(&token_of(request)?, now(app))? {
        Whose::User(id) => Some(id),
        Whose::Nobody | Whose::Asked => None,
    }
}

/// Learns after the response who sent `request`, which must have been let in: denied requests cost Supabase nothing.
pub fn learn_later(app: &App, request: &Request) {
    let (Some(token), Some(text)) = (token_of(request), request.bearer()) else {
        return;
    };
    if !app.known_callers().is_to_be_asked(&token, now(app)) {
        return;
    }
    let text = text.to_owned();
    app.after_response(|app| {
        Box::pin(async move {
            let deadline = Deadline::after(app.platform().now(), ANSWERED_WITHIN);
            match app.database(deadline).user(&text).await {
                Ok(user) => {
                    let id = user.as_ref().map(|user| user.id.as_str());
                    app.known_callers().learn(&token, id, now(&app));
                }
                // It is asked about again in a while.
                Err(error) => log::warn!("callers: {error}"),
            }
        })
    });
}

/// Who is signed in with the bearer token `text`, as Supabase says at this moment. Asks nothing about a token that is
/// none, has lapsed, or was nobody's a moment ago.
pub async fn signed_in(
    app: &App,
    deadline: Deadline,
    text: &str,
) -> Result<Option<User>, DatabaseError> {
    let Some(token) = AccessToken::parse(text) else {
        return Ok(None);
    };
    if app.known_callers().whose(&token, now(app)) == Some(Whose::Nobody) {
        return Ok(None);
    }
    let user = app.database(deadline).user(text).await?;
    let id = user.as_ref().map(|user| user.id.as_str());
    app.known_callers().learn(&token, id, now(app));
    Ok(user)
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
    fn a_user_is_known_for_a_minute_or_until_the_token_ends() {
        let callers = KnownCallers::default();
        let (long, short) = (token(1, 9_000), token(2, 10));
        callers.learn(&long, Some("u"), 1_000);
        callers.learn(&short, Some("v"), 1_000);
        let user = |id: &str| Some(Whose::User(id.into()));
        assert_eq!(callers.whose(&long, 60_999), user("u"));
        assert_eq!(callers.whose(&long, 61_000), None);
        assert_eq!(callers.whose(&short, 9_999), user("v"));
        assert_eq!(callers.whose(&short, 10_000), Some(Whose::Nobody));
        assert!(!callers.is_to_be_asked(&short, 10_000), "it has lapsed");
    }

    #[test]
    fn a_forged_token_is_asked_about_once_in_half_a_minute() {
        let callers = KnownCallers::default();
        let forged = token(1, 9_000);
        assert!(callers.is_to_be_asked(&forged, 0));
        assert!(
            !callers.is_to_be_asked(&forged, 1),
            "it is being asked about"
        );
        callers.learn(&forged, None, 2);
        assert!(!callers.is_to_be_asked(&forged, 30_001));
        assert!(callers.is_to_be_asked(&forged, 30_002));
    }

    #[test]
    fn a_few_are_asked_about_at_a_time_also_while_nobody_answers() {
        let callers = KnownCallers::default();
        let asked = |now| {
            (0..100)
                .filter(|name| callers.is_to_be_asked(&token(*name, 9_000), now))
                .count()
        };
        assert_eq!(asked(0), MOST_ASKED);
        assert_eq!(asked(9_999), 0);
        assert_eq!(asked(10_000), MOST_ASKED);
        callers.learn(&token(0, 9_000), None, 10_001);
        assert_eq!(asked(10_002), 1, "one has come back");
    }

    #[test]
    fn it_does_not_grow() {
        let callers = KnownCallers::default();
        for name in 0..3 * MOST {
            callers.learn(&token(name, 9_000), None, 0);
        }
        assert_eq!(callers.0.lock().unwrap().len(), MOST);
    }
}
