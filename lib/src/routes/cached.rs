//! Answers that come through the cache, with a validator so that a client need not be sent what it has.

use crate::{
    app::App,
    clients::supabase::DatabaseError,
    flows::{
        admission::Admitted,
        cache::{Load, Reading, Slot, read_through},
    },
    http::{reply::Reply, request::Request},
};
use http::{HeaderValue, header};

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
    let entity = read_through(app, request, slot, reading, found, load).await?;
    if !entity.is_there() {
        return Ok(None);
    }
    let reply = Reply::validated(entity.body, &entity.etag, request.header("if-none-match"));
    Ok(Some(reply.with_header(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache"),
    )))
}
