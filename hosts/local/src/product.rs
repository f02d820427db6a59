//! Serves the public files, and passes every other request to the product.

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

const DRAIN_LIMIT: usize = 8 * 1024 * 1024;

/// Answers one request of the client at an address.
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

/// Serves `handler` and the files of `root/public/`.
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
    // The product must not act on half a request. A client that hung up reads no response.
    let Some(body) = read(body).await else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        return response;
    };
    let request = http::Request::from_parts(parts, body);
    (product.handler)(request, peer).await.map(Body::from)
}

/// Reads the body. A body over the product's limit is cut one byte after it, so that it is refused.
async fn read(mut body: Body) -> Option<Bytes> {
    let start = read_body(&mut body, MAX_BODY_BYTES).await.ok()?;
    // Some clients read no response before they have sent the whole body.
    let mut drained = 0;
    while drained < DRAIN_LIMIT
        && let Some(frame) = body.frame().await
    {
        drained += frame.ok()?.data_ref().map_or(0, Bytes::len);
    }
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn body_is_cut_one_byte_over_limit() {
        for (sent, expected) in [
            (0, 0),
            (65_536, 65_536),
            (65_537, 65_537),
            (300_000, 65_537),
            (9_000_000, 65_537),
        ] {
            let body = read(Body::from(vec![b'x'; sent])).await.unwrap();
            assert_eq!(body.len(), expected, "{sent} bytes");
        }
    }
}
