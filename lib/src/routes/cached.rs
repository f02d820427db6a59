//! Answers that come through the cache, with a validator so that a client need not be sent what it has.
//!
//! Where `CDN_CACHE_SECONDS` says so, a CDN is told (RFC 9213) that it may keep an answer for others: one that no booking
//! changes, fresh, and asked for without credentials. Added up it is never older than its freshness, and as long again while it is
//! renewed, as a stale answer of our own.

use crate::{
    app::App,
    clients::supabase::DatabaseError,
    flows::{
        admission::Admitted,
        cache::{Answered, Load, Reading, Slot, read_through},
    },
    http::{reply::Reply, request::Request},
};
use http::{HeaderName, HeaderValue, header};

/// To caches between us and the client, which pass it on at their discretion.
pub(super) const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The reply of `slot`; `None` when there is no such thing.
pub(super) async fn cached(
    app: &App,
    request: &Request,
    slot: Slot,
    admitted: Admitted,
    load: Load,
) -> Result<Option<Reply>, DatabaseError> {
    let (reading, found) = admitted
        .cached
        .unwrap_or_else(|| (Reading::of(app, &slot), None));
    let may_be_shared =
        slot.outlives_bookings() && !request.headers.contains_key(header::AUTHORIZATION);
    let Answered {
        entity,
        fresh_seconds,
    } = read_through(app, request, slot, reading, found, load).await?;
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
