//! Responses through the cache, with an entity tag for conditional requests.
//!
//! With `CDN_CACHE_SECONDS` a CDN may keep some responses for other clients (RFC 9213): those that
//! bookings do not change, fresh, and requested without credentials. A CDN serves such a response
//! while it is fresh, and for as long again while it revalidates it. The same rule applies to stale
//! entries in Redis.

use super::{problems::Problem, unreadable::reject_unreadable};
use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::{
        cache::read::{CachedResponse, LoadFn, read_through},
        redis::lookup::CacheLookup,
        traffic::admission::admit_reader,
    },
    instance::cache_key::CacheKey,
    web::{reply::Reply, request::Request},
};
use http::{HeaderName, HeaderValue, header};

/// Directives for CDNs alone (RFC 9213).
pub(super) const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// Admits the request and responds to `query` through the cache. `None` when the thing does not
/// exist.
///
/// The query is read before the admission, because the lookup shares its round trip.
pub(super) async fn cached<T>(
    app: &App,
    request: &Request,
    query: Result<T, impl Into<Problem>>,
    key: fn(&T) -> CacheKey,
    load: fn(T) -> LoadFn,
) -> Result<Option<Reply>, Problem> {
    let query = match query {
        Ok(query) => query,
        Err(problem) => return Err(reject_unreadable(app, request, Tier::Public, problem).await),
    };
    let lookup = CacheLookup::new(app, key(&query));
    let entry = admit_reader(app, request, Tier::Public, &lookup).await?;

    let may_be_shared =
        lookup.key().outlives_bookings() && !request.headers.contains_key(header::AUTHORIZATION);
    let CachedResponse {
        entity,
        fresh_seconds,
    } = read_through(app, request, lookup, entry, load(query)).await?;
    if !entity.exists() {
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
