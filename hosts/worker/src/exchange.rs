//! Requests and responses, between the runtime's types and those of `http`.
//!
//! Bodies cross as one piece, so that each message has a `Content-Length`; a stream would be chunked.

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
    AbortSignal, Body, CacheMode, Fetch, Headers, Request, RequestInit, RequestRedirect, Response,
    ResponseBuilder, js_sys::Uint8Array, web_sys,
};

/// The largest answer that is read from an upstream: Upstash's limit for one request, the largest of the three.
const MOST_ANSWER_BYTES: usize = 10 * 1024 * 1024;
/// More than this is not even read.
const DRAIN_LIMIT: usize = 8 * 1024 * 1024;

/// What a client asks. `None` when it cannot be read: nothing may act on half a request.
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

/// The body, or its beginning when the product will refuse it for its length.
async fn read_body(mut stream: Body) -> Option<Bytes> {
    let body = read(&mut stream, MAX_BODY_BYTES).await?;
    if body.len() > MAX_BODY_BYTES {
        // Reading on lets a client hear the refusal that only listens once it has sent all.
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

/// The response for a client.
pub(crate) fn give(mut response: http::Response<Bytes>) -> worker::Result<Response> {
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

/// The answer to a request that could not be read.
pub(crate) fn refuse() -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::new());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// The answer where the product panicked before it had a request to answer.
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

/// Asks an upstream. An exchange that is given up is aborted, which frees its connection.
///
/// `fetch` rejects with the same error whether it could not connect or lost the connection, so a rejection is always
/// `Unknown`. Only what the runtime refuses to accept as a request is known to have stayed here.
pub(crate) async fn send(
    request: http::Request<Bytes>,
) -> Result<http::Response<Bytes>, TransportError> {
    let request = outgoing(&request).map_err(|_| TransportError::NotSent)?;
    let abort = AbortOnDrop::new().ok_or(TransportError::NotSent)?;
    let mut answer = Fetch::Request(request)
        .send_with_signal(&abort.signal())
        .await
        .map_err(|_| TransportError::Unknown)?;
    let status = StatusCode::from_u16(answer.status_code()).map_err(|_| TransportError::Unknown)?;
    let body = match answer.stream() {
        Ok(stream) => read(stream, MOST_ANSWER_BYTES).await,
        // The answer has no body.
        Err(_) => Some(Bytes::new()),
    };
    let body = body.ok_or(TransportError::Unknown)?;
    if body.len() > MOST_ANSWER_BYTES {
        return Err(TransportError::TooLarge);
    }
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = header_map(answer.headers());
    Ok(response)
}

/// A request for `fetch`: not redirected, so that a key goes to the host it is meant for, and not cached.
fn outgoing(request: &http::Request<Bytes>) -> worker::Result<Request> {
    let mut init = RequestInit::new();
    init.with_method(request.method().as_str().to_owned().into())
        .with_headers(headers(request.headers())?)
        .with_redirect(RequestRedirect::Manual)
        .with_cache(CacheMode::NoStore);
    if !request.body().is_empty() {
        init.with_body(Some(Uint8Array::from(request.body().as_ref()).into()));
    }
    Request::new_with_init(&request.uri().to_string(), &init)
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

/// Reads `stream` up to `most` bytes and, if there is more, one byte over, so that the caller can tell.
async fn read<S, C>(mut stream: S, most: usize) -> Option<Bytes>
where
    S: Stream<Item = worker::Result<C>> + Unpin,
    C: AsRef<[u8]>,
{
    let mut read = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.ok()?;
        let piece = piece.as_ref();
        let room = (most + 1).saturating_sub(read.len());
        read.extend_from_slice(&piece[..piece.len().min(room)]);
        if read.len() > most {
            break;
        }
    }
    Some(read.freeze())
}

/// The runtime shows header bytes as text. What `http` cannot hold is left out, as if it had not been sent.
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
