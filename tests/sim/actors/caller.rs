//! Asking the product, as a browser or a cron does.

use crate::world::{Upstream, World};
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Method, Request, Response, header};
use serde_json::Value;
use std::{pin::pin, sync::Arc, time::Duration};

/// Longer than the product takes for anything but its crons.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often a question is repeated while there is trouble, and once there is none.
const MOST_REPEATS: (u32, u32) = (6, 15);

/// Somebody with an address.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) world: Arc<World>,
    address: String,
    patience: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) cache: Option<String>,
    retry_after: Option<u64>,
}

/// Something to ask.
#[derive(Clone)]
pub(crate) struct Question {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Question {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    fn request(&self, address: &str) -> Request<Bytes> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{}{}", Upstream::Product.base_url(), self.path))
            .header("x-forwarded-for", address);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = match &self.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        request.body(body).unwrap()
    }
}

impl Reply {
    fn read(response: &Response<Bytes>) -> Self {
        let text = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Self {
            status: response.status().as_u16(),
            body: serde_json::from_slice(response.body()).unwrap_or_default(),
            cache: text("x-cache"),
            retry_after: text("retry-after").map(|seconds| seconds.parse().unwrap()),
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A member of the body.
    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member]
            .as_str()
            .unwrap_or_else(|| panic!("there is no {member} in {}", self.body))
            .to_owned()
    }
}

impl Caller {
    pub(crate) fn new(world: &Arc<World>, address: String) -> Self {
        Self {
            world: Arc::clone(world),
            address,
            patience: PATIENCE,
        }
    }

    /// The same with more patience.
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Asks once; `None` when no answer comes.
    pub(crate) async fn ask(&self, question: &Question) -> Option<Reply> {
        let answer = pin!(self.world.send(question.request(&self.address)));
        let alarm = pin!(self.world.sleep(self.patience));
        match select(answer, alarm).await {
            Either::Left((answer, _)) => answer.ok().as_ref().map(Reply::read),
            Either::Right(_) => None,
        }
    }

    /// Asks until there is an answer that will not change; `None` when they give up.
    pub(crate) async fn insist(&self, question: &Question) -> Option<Reply> {
        let (in_trouble, in_calm) = MOST_REPEATS;
        let mut repeats = 0;
        loop {
            let reply = self.ask(question).await;
            if let Some(reply) = &reply
                && (reply.is_ok() || reply.body["retryable"] != true)
            {
                return Some(reply.clone());
            }
            repeats += 1;
            if repeats > in_trouble && (!self.world.is_calm() || repeats > in_calm) {
                return None;
            }
            let told = reply.and_then(|reply| reply.retry_after);
            let wait = self.chance(20) + told.unwrap_or(1);
            self.wait(Duration::from_secs(wait)).await;
        }
    }

    /// A number from 0 to `below - 1`.
    pub(crate) fn chance(&self, below: u64) -> u64 {
        self.world.state().random.below(below)
    }

    pub(crate) async fn wait(&self, duration: Duration) {
        self.world.sleep(duration).await;
    }

    /// A payer goes to PayPal's page and presses the button. `false`: PayPal does not take it.
    pub(crate) async fn approve(&self, approve_url: &str) -> bool {
        for method in [Method::GET, Method::POST] {
            let request = Request::builder()
                .method(method)
                .uri(approve_url)
                .body(Bytes::new())
                .unwrap();
            let answer = self.world.send(request).await;
            let is_taken = answer.is_ok_and(|answer| {
                answer.status().is_success() || answer.status().is_redirection()
            });
            if !is_taken {
                return false;
            }
        }
        true
    }
}
