//! Serves a router over HTTP/1.1 and applies an upstream's faults.

use crate::faults::{Outcome, Upstream, Verdict};
use axum::{Router, body::Body};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, spawn_blocking, yield_now},
    time::{sleep, timeout},
};
use tower::ServiceExt as _;

/// The time that unfinished requests get when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a failed `accept`. Its usual cause is a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The client's address, in a request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Closes the connection without a response.
#[derive(Debug, thiserror::Error)]
#[error("a fault closed the connection")]
struct ConnectionFault;

/// A running server.
pub(crate) struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `router` on `listener` until [`Server::stop`].
    pub(crate) fn start(
        listener: TcpListener,
        router: Router,
        upstream: Option<Arc<Upstream>>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, router, upstream, stopped));
        Self { stop, task }
    }

    /// Accepts no more connections and waits for the requests that are under way.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        // The task can only fail by a panic, which has been printed already.
        let _ = self.task.await;
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    upstream: Option<Arc<Upstream>>,
    mut stopped: watch::Receiver<bool>,
) {
    let connections = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    // Readers of the documentation search the output of `curl -I` for `X-Cache`.
    http.title_case_headers(true);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, peer)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Nagle's algorithm would delay small responses by up to 40 ms.
        let _ = stream.set_nodelay(true);
        let (router, upstream) = (router.clone(), upstream.clone());
        let service =
            service_fn(move |request| answer(router.clone(), upstream.clone(), peer, request));
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        // An error means that the client hung up or that a fault closed the connection.
        tokio::spawn(async move { connection.await.ok() });
    }
    drop(listener);
    timeout(DRAIN_TIMEOUT, connections.shutdown()).await.ok();
}

async fn answer(
    router: Router,
    upstream: Option<Arc<Upstream>>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, ConnectionFault> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let verdict = match &upstream {
        Some(upstream) => {
            let target = request.uri().path_and_query();
            upstream.decide(target.map_or("/", http::uri::PathAndQuery::as_str))
        }
        None => Verdict {
            delay: Duration::ZERO,
            outcome: Outcome::Served,
        },
    };
    if !verdict.delay.is_zero() {
        wait(verdict.delay).await;
    }
    match verdict.outcome {
        Outcome::Served => serve(router, request).await,
        Outcome::Refused => Err(ConnectionFault),
        Outcome::ResponseDropped => {
            let response = serve(router, request).await?;
            // The effect is complete once the whole response has been read.
            let _ = response.into_body().collect().await;
            Err(ConnectionFault)
        }
        Outcome::Replaced {
            status,
            headers,
            body,
            each,
        } => {
            let commands = if each && request.uri().path().ends_with("/pipeline") {
                count_commands(request.into_body()).await
            } else {
                None
            };
            Ok(match commands {
                Some(commands) => {
                    let items = vec![body; commands].join(",");
                    false_response(200, headers, format!("[{items}]"))
                }
                None => false_response(status, headers, body),
            })
        }
    }
}

async fn serve(router: Router, request: Request<Body>) -> Result<Response<Body>, ConnectionFault> {
    match router.oneshot(request).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

/// Waits with the precision of a network.
///
/// Tokio's timer rounds up to whole milliseconds, and a thread wakes some hundred microseconds
/// late. A short delay therefore ends with a busy wait.
#[expect(
    clippy::disallowed_methods,
    reason = "simulates the network, below any Platform"
)]
async fn wait(delay: Duration) {
    const TIMER_IS_PRECISE_ENOUGH: Duration = Duration::from_millis(50);
    const WAKE_UP_DELAY: Duration = Duration::from_micros(500);
    if delay >= TIMER_IS_PRECISE_ENOUGH {
        return sleep(delay).await;
    }
    let end = Instant::now() + delay;
    let nap = delay.saturating_sub(WAKE_UP_DELAY);
    if let Err(error) = spawn_blocking(move || thread::sleep(nap)).await {
        log::warn!("a delay was cut short: {error}");
    }
    while Instant::now() < end {
        yield_now().await;
    }
}

/// The number of commands in a pipeline. `None` if the body is no pipeline.
async fn count_commands(body: Body) -> Option<usize> {
    let body = body.collect().await.ok()?.to_bytes();
    let commands: Vec<serde::de::IgnoredAny> = serde_json::from_slice(&body).ok()?;
    Some(commands.len())
}

fn false_response(status: u16, headers: HeaderMap, body: String) -> Response<Body> {
    let looks_like_json = body.starts_with(['{', '[']);
    let media_type = if looks_like_json {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().extend(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::post;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    #[tokio::test]
    async fn header_names_are_in_title_case() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/effect", post(async || [("x-cache", "HIT")]));
        let server = Server::start(listener, router, None);
        let answer = exchange(address).await;
        assert!(answer.contains("\r\nX-Cache: HIT\r\n"), "{answer}");
        server.stop().await;
    }

    async fn exchange(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST /effect HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn pipeline_commands_are_counted() {
        let count = |body: &'static str| count_commands(Body::from(body));
        assert_eq!(count(r#"[["INCR","a"],["GET","b"]]"#).await, Some(2));
        assert_eq!(count("[]").await, Some(0));
        assert_eq!(count("nonsense").await, None);
    }

    #[tokio::test]
    async fn faults_close_connections_before_or_after_effect() {
        let effects = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&effects);
        let handler = move || async move {
            counted.fetch_add(1, Ordering::SeqCst);
            "done"
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Arc::new(Upstream::default());
        let server = Server::start(
            listener,
            Router::new().route("/effect", post(handler)),
            Some(Arc::clone(&upstream)),
        );
        let add = |fault: serde_json::Value| upstream.add(serde_json::from_value(fault).unwrap());

        assert!(exchange(address).await.ends_with("done"));
        add(serde_json::json!({"kind": "refuse", "times": 1}));
        assert_eq!(
            (
                exchange(address).await.as_str(),
                effects.load(Ordering::SeqCst)
            ),
            ("", 1)
        );
        add(serde_json::json!({"kind": "drop_answer", "times": 1}));
        assert_eq!(
            (
                exchange(address).await.as_str(),
                effects.load(Ordering::SeqCst)
            ),
            ("", 2)
        );
        add(serde_json::json!({"kind": "answer", "status": 429, "body": "{}", "times": 1}));
        assert!(exchange(address).await.starts_with("HTTP/1.1 429 "));
        assert_eq!(
            (effects.load(Ordering::SeqCst), upstream.requests()),
            (2, 4)
        );
        // A kept connection proves the stop. A new one could reach another program on that port.
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection
            .write_all(b"POST /effect HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        assert!(connection.read(&mut [0; 1024]).await.unwrap() > 0);
        server.stop().await;
        // This would wait forever if the server kept the connection open.
        assert!(connection.read_to_end(&mut Vec::new()).await.is_ok());
    }
}
