//! The user behind a request, as far as this instance knows.
//!
//! Only Supabase knows the owner of an access token, and asking it is a round trip. A request with
//! an unknown token counts against the client's address. Supabase is asked after the response, and
//! later requests count against the user.

use crate::{
    app::App,
    clients::supabase::{DatabaseError, User},
    domain::access_token::AccessToken,
    flows::redis::lookup::now,
    instance::callers::CachedCaller,
    platform::Deadline,
    web::request::Request,
};
use std::time::Duration;

/// The time that Supabase has after a response.
const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(5);

fn token_of(request: &Request) -> Option<AccessToken> {
    AccessToken::parse(request.bearer()?)
}

/// The id of the user who sent `request`, if this instance knows.
pub(super) fn known_user(app: &App, request: &Request) -> Option<String> {
    match app
        .known_callers()
        .get(&token_of(request)?, now(app.platform()))?
    {
        CachedCaller::User(id) => Some(id),
        CachedCaller::Nobody | CachedCaller::Pending => None,
    }
}

/// Looks up the sender of `request` after the response. Call it for admitted requests only: a
/// denied request must not cost Supabase anything.
pub(crate) fn identify_later(app: &App, request: &Request) {
    let (Some(token), Some(text)) = (token_of(request), request.bearer()) else {
        return;
    };
    if !app
        .known_callers()
        .claims_request(&token, now(app.platform()))
    {
        return;
    }
    let text = text.to_owned();
    app.after_response(|app| {
        Box::pin(async move {
            let deadline = Deadline::after(app.platform().now(), BACKGROUND_TIMEOUT);
            match app.database(deadline).user(&text).await {
                Ok(user) => {
                    let id = user.as_ref().map(|user| user.id.as_str());
                    app.known_callers().record(&token, id, now(app.platform()));
                }
                // A later request asks again.
                Err(error) => log::warn!("callers: {error}"),
            }
        })
    });
}

/// The owner of the bearer token `text`, as Supabase says now.
///
/// Supabase is not asked about a text that is no token, an expired token, or one that was invalid a
/// moment ago.
pub(crate) async fn signed_in_user(
    app: &App,
    deadline: Deadline,
    text: &str,
) -> Result<Option<User>, DatabaseError> {
    let Some(token) = AccessToken::parse(text) else {
        return Ok(None);
    };
    if app.known_callers().get(&token, now(app.platform())) == Some(CachedCaller::Nobody) {
        return Ok(None);
    }
    let user = app.database(deadline).user(text).await?;
    let id = user.as_ref().map(|user| user.id.as_str());
    app.known_callers().record(&token, id, now(app.platform()));
    Ok(user)
}
