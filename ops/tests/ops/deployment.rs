//! A deployment that answers what a test wants, and the one that `script/test` names.

use crate::exo::{self, Ended};
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

type Answer = Arc<dyn Fn(&str) -> Response<Body> + Send + Sync>;
type Asked = Arc<Mutex<Vec<String>>>;

/// A deployment, and what it was asked: method, path, who asked, and the body if there was one.
pub(crate) struct Deployment {
    pub(crate) url: String,
    asked: Asked,
}

impl Deployment {
    /// `answer` is given method and path.
    pub(crate) async fn answering(
        answer: impl Fn(&str) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Asked::default();
        let answer: Answer = Arc::new(answer);
        let router = Router::new()
            .fallback(record)
            .with_state((Arc::clone(&asked), answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked }
    }

    /// Runs `exo` against it.
    pub(crate) async fn exo(&self, words: &[&str], variables: &[(&str, &str)]) -> Ended {
        let variables = [variables, &[("EXODRIVE_URL", self.url.as_str())]].concat();
        exo::run(words, &variables).await
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn record(
    State((asked, answer)): State<(Asked, Answer)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let what = format!("{method} {uri}");
    let who = headers[header::AUTHORIZATION].to_str().unwrap();
    let body = String::from_utf8(body.into()).unwrap();
    let line = format!("{what} {who} {body}");
    asked.lock().unwrap().push(line.trim_end().to_owned());
    answer(&what)
}

pub(crate) fn answer(status: StatusCode, body: Value) -> Response<Body> {
    (status, Json(body)).into_response()
}

/// A variable that tells of the running system.
#[expect(
    clippy::disallowed_methods,
    reason = "script/test names the system in the environment"
)]
pub(crate) fn given(name: &str) -> String {
    std::env::var(name).expect("script/test sets it")
}
