//! The product's routes on this machine: public files first, all else is the product's.

use crate::{public_files::PublicFiles, serve::Peer};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use exodrive::routes::MAX_BODY_BYTES;
use exodrive_native::read_body;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use std::{net::IpAddr, path::Path, sync::Arc};

/// More than this is not even read.
const DRAIN_LIMIT: usize = 8 * 1024 * 1024;

/// Answers one request of a client at an address.
pub(crate) type Handler = Arc<
    dyn Fn(http::Request<Bytes>, Option<IpAddr>) -> BoxFuture<'static, http::Response<Bytes>>
        + Send
        + Sync,
>;

#[derive(Clone)]
struct Product {
    handler: Handler,
    files: PublicFiles,
}

/// Serves `handler`, and what is in `public/` under `root`.
pub(crate) fn router(handler: Handler, root: &Path) -> Router {
    let files = PublicFiles::new(root.join("public"));
    Router::new()
        .fallback(answer)
        .with_state(Product { handler, files })
}

async fn answer(State(product): State<Product>, request: Request) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/api/")
        && let Some(file) = product.files.find(request.method(), path).await
    {
        return file;
    }
    let peer = request
        .extensions()
        .get::<Peer>()
        .map(|Peer(peer)| peer.ip());
    let (parts, body) = request.into_parts();
    // A client that hung up in the middle reads no answer, and nothing may act on half a request.
    let Some(body) = read(body).await else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        return response;
    };
    let request = http::Request::from_parts(parts, body);
    (product.handler)(request, peer).await.map(Body::from)
}

/// The body, or its beginning when the product would refuse it for its length.
async fn read(mut body: Body) -> Option<Bytes> {
    let kept = read_body(&mut body, MAX_BODY_BYTES).await.ok()?;
    // Reading on lets a client hear the refusal that only listens once it has sent all.
    let mut ignored = 0;
    while ignored < DRAIN_LIMIT
        && let Some(frame) = body.frame().await
    {
        ignored += frame.ok()?.data_ref().map_or(0, Bytes::len);
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_kept_up_to_one_byte_too_many() {
        for (sent, kept) in [
            (0, 0),
            (65_536, 65_536),
            (65_537, 65_537),
            (300_000, 65_537),
            (9_000_000, 65_537),
        ] {
            let body = read(Body::from(vec![b'x'; sent])).await.unwrap();
            assert_eq!(body.len(), kept, "{sent} bytes");
        }
    }
}
