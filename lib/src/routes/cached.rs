//! Answers that come through the cache, with a validator so that a client need not be sent what it has.
//!
//! Where `CDN_CACHE_SECONDS` says so, a CDN is told (RFC 9213) that it may keep an answer for others: one that no booking
//! changes, fresh, and asked for without credentials. Added up it is never older than its freshness, and as long again while it is
//! renewed, as a stale answer of our own.

use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::{
        admission::admit_reader,
        cache::{Answered, Load, Reading, Slot, read_through},
    },
    http::{reply::Reply, request::Request},
    problem::Problem,
};
use http::{HeaderName, HeaderValue, header};

/// To caches between us and the client, which pass it on at their discretion.
pub(super) const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// Lets the request in and answers what was `asked`, which has a place in the cache and can be loaded; `None` when there is no such
/// thing. Who asked for nothing that can be understood is told so once they are let in.
pub(super) async fn cached<T>(
    app: &App,
    request: &Request,
    asked: Result<T, impl Into<Problem>>,
    slot: fn(&T) -> Slot,
    load: fn(T) -> Load,
) -> Result<Option<Reply>, Problem> {
    let asked = asked.map(|asked| (Reading::of(app, slot(&asked)), asked));
    let reading = asked.as_ref().ok().map(|(reading, _)| reading);
    let found = admit_reader(app, request, Tier::Public, reading).await?;
    let (reading, asked) = asked.map_err(Into::into)?;

    let may_be_shared =
        reading.slot().outlives_bookings() && !request.headers.contains_key(header::AUTHORIZATION);
    let Answered {
        entity,
        fresh_seconds,
    } = read_through(app, request, reading, found, load(asked)).await?;
    if !entity.is_there() {
        return Ok(None);
    }
    let reply = Reply::validated(entity.body, &entity.etag, request.header("if-none-match"));
    let reply = reply.with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let seconds = fresh_seconds.min(app.config().cdn_cache_seconds.into());
    let shared = (may_be_shared && seconds > 0)
        .then(|| format!("max-age={seconds}, stale-while-revalidate={seconds}"))
        .and_then(|directives| HeaderValue::try_from(directives).ok());
    Ok(Some(match shared {
        Some(directives) => reply.with_header(CDN_CACHE_CONTROL, directives),
        None => reply,
    }))
}
