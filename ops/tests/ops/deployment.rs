//! A fake deployment with scripted responses, and the variables that `script/test` sets.

use crate::exo::{self, RunOutput};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
    response::IntoResponse,
};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

type Handler = Arc<dyn Fn(&str) -> Response<Body> + Send + Sync>;
type Requests = Arc<Mutex<Vec<String>>>;

/// A fake deployment.
pub(crate) struct Deployment {
    pub(crate) url: String,
    /// One line each: method, path, credential, and the body if there is one.
    requests: Requests,
}

impl Deployment {
    /// `handler` takes the method and the path of a request.
    pub(crate) async fn start(
        handler: impl Fn(&str) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Requests::default();
        let handler: Handler = Arc::new(handler);
        let router = Router::new()
            .fallback(handle)
            .with_state((Arc::clone(&requests), handler));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, requests }
    }

    /// Responds 200 with `body` to every request.
    pub(crate) async fn with_body(body: Value) -> Self {
        Self::start(move |_| response(StatusCode::OK, body.clone())).await
    }

    /// Runs `exo` against this deployment.
    pub(crate) async fn exo(&self, words: &[&str], variables: &[(&str, &str)]) -> RunOutput {
        let variables = [variables, &[("EXODRIVE_URL", self.url.as_str())]].concat();
        exo::run(words, &variables).await
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn handle(
    State((requests, handler)): State<(Requests, Handler)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = format!("{method} {uri}");
    let credential = headers[header::AUTHORIZATION].to_str().unwrap();
    let body = String::from_utf8(body.into()).unwrap();
    let line = format!("{target} {credential} {body}");
    requests.lock().unwrap().push(line.trim_end().to_owned());
    handler(&target)
}

pub(crate) fn response(status: StatusCode, body: Value) -> Response<Body> {
    (status, Json(body)).into_response()
}

/// A variable of the system that `script/test` starts.
#[expect(
    clippy::disallowed_methods,
    reason = "script/test describes the system in the environment"
)]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).expect("script/test sets it")
}
