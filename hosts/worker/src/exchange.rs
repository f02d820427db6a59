//! Converts requests and responses between the runtime's types and those of `http`.
//!
//! A body is one piece, so each message has a `Content-Length`. A stream would be chunked.

use crate::security;
use bytes::{Bytes, BytesMut};
use exodrive::{
    platform::TransportError,
    routes::MAX_BODY_BYTES,
    routes::problems::{Code, Problem},
};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use worker::{
    AbortSignal, Body, Fetch, Headers, Response, ResponseBuilder, js_sys::Uint8Array, web_sys,
};

/// The largest response of the three upstreams: Upstash's limit for one request.
const MAX_RESPONSE_BYTES: usize = 10 * 1024 * 1024;
const DRAIN_LIMIT: usize = 8 * 1024 * 1024;

/// Reads a client's request. `None` if it is incomplete, because the product must not act on half a
/// request.
pub(crate) async fn receive(request: &web_sys::Request) -> Option<http::Request<Bytes>> {
    let body = match request.body() {
        Some(stream) => read_body(Body::new(stream)).await?,
        None => Bytes::new(),
    };
    let mut received = http::Request::new(body);
    *received.method_mut() = Method::from_bytes(request.method().as_bytes()).ok()?;
    *received.uri_mut() = request.url().parse().ok()?;
    *received.headers_mut() = header_map(&Headers(request.headers()));
    Some(received)
}

/// Reads the body. A body over the product's limit is cut one byte after it, so that it is refused.
async fn read_body(mut stream: Body) -> Option<Bytes> {
    let body = read(&mut stream, MAX_BODY_BYTES).await?;
    if body.len() > MAX_BODY_BYTES {
        // Some clients read no response before they have sent the whole body.
        let mut left = DRAIN_LIMIT;
        while let Some(Ok(piece)) = stream.next().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                break;
            }
        }
    }
    Some(body)
}

/// Converts a response for a client and adds the security headers.
pub(crate) fn respond(mut response: http::Response<Bytes>) -> worker::Result<Response> {
    security::add_headers(response.headers_mut());
    let builder = ResponseBuilder::new()
        .with_status(response.status().as_u16())
        .with_headers(headers(response.headers())?);
    Ok(if response.body().is_empty() {
        builder.empty()
    } else {
        builder.fixed(response.body().to_vec())
    })
}

/// The response to an incomplete request.
pub(crate) fn refuse() -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::new());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// The response after a panic outside the product's own handling.
pub(crate) fn fail() -> http::Response<Bytes> {
    let problem = Problem::new(Code::Internal).detail("Please report this.");
    let mut response = http::Response::new(Bytes::from(problem.body("").to_string()));
    *response.status_mut() = problem.code.status();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    response
}

/// Sends a request to an upstream. Dropping the future aborts the exchange, which frees its
/// connection.
///
/// `fetch` gives the same error for a failed connect and a lost connection, so its errors are
/// `Unknown`. Only a request that the runtime itself refuses is `NotSent`.
pub(crate) async fn send(
    request: http::Request<Bytes>,
) -> Result<http::Response<Bytes>, TransportError> {
    let request = outgoing(&request).map_err(|_| TransportError::NotSent)?;
    let abort = AbortOnDrop::new().ok_or(TransportError::NotSent)?;
    let mut incoming = Fetch::Request(request.into())
        .send_with_signal(&abort.signal())
        .await
        .map_err(|_| TransportError::Unknown)?;
    let status =
        StatusCode::from_u16(incoming.status_code()).map_err(|_| TransportError::Unknown)?;
    let body = match incoming.stream() {
        Ok(stream) => read(stream, MAX_RESPONSE_BYTES).await,
        // The response has no body.
        Err(_) => Some(Bytes::new()),
    };
    let body = body.ok_or(TransportError::Unknown)?;
    if body.len() > MAX_RESPONSE_BYTES {
        return Err(TransportError::TooLarge);
    }
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = header_map(incoming.headers());
    Ok(response)
}

/// A request for `fetch`, without cache and without redirects. A redirect could send a key to
/// another host.
///
/// [`worker::RequestInit`] would add 5 KB after gzip for options that are not used here.
fn outgoing(request: &http::Request<Bytes>) -> worker::Result<web_sys::Request> {
    let init = web_sys::RequestInit::new();
    init.set_method(request.method().as_str());
    init.set_headers(&headers(request.headers())?.0);
    init.set_redirect(web_sys::RequestRedirect::Manual);
    init.set_cache(web_sys::RequestCache::NoStore);
    if !request.body().is_empty() {
        init.set_body(&Uint8Array::from(request.body().as_ref()));
    }
    Ok(web_sys::Request::new_with_str_and_init(
        &request.uri().to_string(),
        &init,
    )?)
}

struct AbortOnDrop(web_sys::AbortController);

impl AbortOnDrop {
    fn new() -> Option<Self> {
        web_sys::AbortController::new().ok().map(Self)
    }

    fn signal(&self) -> AbortSignal {
        self.0.signal().into()
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads at most `limit` + 1 bytes. A result over `limit` means that the body is too long.
async fn read<S, C>(mut stream: S, limit: usize) -> Option<Bytes>
where
    S: Stream<Item = worker::Result<C>> + Unpin,
    C: AsRef<[u8]>,
{
    let mut read = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.ok()?;
        let piece = piece.as_ref();
        let room = (limit + 1).saturating_sub(read.len());
        read.extend_from_slice(&piece[..piece.len().min(room)]);
        if read.len() > limit {
            break;
        }
    }
    Some(read.freeze())
}

/// The runtime shows header bytes as text. Headers that `http` cannot represent are ignored.
fn header_map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

fn headers(map: &HeaderMap) -> worker::Result<Headers> {
    let headers = Headers::new();
    for (name, value) in map {
        let value = value
            .to_str()
            .map_err(|error| worker::Error::RustError(error.to_string()))?;
        headers.append(name.as_str(), value)?;
    }
    Ok(headers)
}
