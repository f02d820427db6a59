//! Runs the crons of vercel.json as Vercel does: a GET with its user agent and `CRON_SECRET` as the
//! bearer token.
//!
//! The local clock decides which crons are due. When it is moved forward, each cron that fell due
//! in between runs once.
//! Source: <https://vercel.com/docs/cron-jobs>

use crate::{console, error::Error, schedule::Schedule};
use axum::body::Body;
use bytes::Bytes;
use exodrive_native::Clock;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use std::{fs, io, path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{sleep, timeout},
};

const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Vercel's own limit for a function.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
pub(crate) struct Cron {
    pub(crate) path: String,
    pub(crate) schedule: Schedule,
}

#[derive(Deserialize)]
struct VercelFile {
    #[serde(default)]
    crons: Vec<VercelCron>,
}

#[derive(Deserialize)]
struct VercelCron {
    path: String,
    schedule: String,
}

/// Reads `vercel.json` in `root`. A missing file means no crons.
pub(crate) fn read(root: &Path) -> Result<Vec<Cron>, Error> {
    let text = match fs::read_to_string(root.join("vercel.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read vercel.json")(error)),
    };
    parse(&text).map_err(Error::Crons)
}

fn parse(text: &str) -> Result<Vec<Cron>, String> {
    let file: VercelFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    file.crons
        .into_iter()
        .map(|cron| {
            if !cron.path.starts_with('/') {
                return Err(format!(
                    "the cron path {:?} does not start with /",
                    cron.path
                ));
            }
            Ok(Cron {
                schedule: Schedule::parse(&cron.schedule)?,
                path: cron.path,
            })
        })
        .collect()
}

/// Calls crons at the product's own address.
pub(crate) struct CronRunner {
    crons: Vec<Cron>,
    authority: String,
    secret: String,
    client: Client<HttpConnector, Full<Bytes>>,
    clock_moved: Notify,
}

impl CronRunner {
    /// `authority` is the product's `host:port`.
    pub(crate) fn new(crons: Vec<Cron>, authority: String, secret: String) -> Self {
        Self {
            crons,
            authority,
            secret,
            client: Client::builder(TokioExecutor::new()).build_http(),
            clock_moved: Notify::new(),
        }
    }

    pub(crate) fn contains(&self, path: &str) -> bool {
        self.crons.iter().any(|cron| cron.path == path)
    }

    /// Makes [`Self::run_due`] read the moved clock immediately.
    pub(crate) fn clock_moved(&self) {
        self.clock_moved.notify_one();
    }

    /// Runs one cron now. The error is the reason for a missing response.
    pub(crate) async fn run(&self, path: &str) -> Result<Response<Body>, String> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("http://{}{path}", self.authority))
            .header(header::USER_AGENT, "vercel-cron/1.0")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.secret))
            .body(Full::default())
            .map_err(|error| error.to_string())?;
        match timeout(RESPONSE_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response.map(Body::new)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!(
                "no response within {} s",
                RESPONSE_TIMEOUT.as_secs()
            )),
        }
    }

    /// Runs due crons forever. As on Vercel, a slow run does not delay the next one.
    pub(crate) async fn run_due(self: Arc<Self>, clock: Clock) {
        let mut last = clock.now();
        let mut runs = JoinSet::new();
        loop {
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                () = self.clock_moved.notified() => {}
                Some(_) = runs.join_next() => continue,
            }
            let now = clock.now();
            for cron in self
                .crons
                .iter()
                .filter(|cron| cron.schedule.is_due(last, now))
            {
                let (runner, path) = (Arc::clone(&self), cron.path.clone());
                runs.spawn(async move { runner.run_and_log(&path).await });
            }
            last = now;
        }
    }

    async fn run_and_log(&self, path: &str) {
        match self.run(path).await {
            Ok(response) if response.status().is_success() => {}
            Ok(response) => {
                let status = response.status();
                let body = response
                    .into_body()
                    .collect()
                    .await
                    .map(http_body_util::Collected::to_bytes);
                let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
                console::log(&format!("cron {path} returned {status}: {body}"));
            }
            Err(reason) => console::log(&format!("cron {path} failed: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_members_are_ignored() {
        let crons = parse(
            r#"{"framework": null, "crons": [{"path": "/api/a", "schedule": "*/15 * * * *"}, {"path": "/api/b", "schedule": "5 4 * * *"}]}"#,
        )
        .unwrap();
        let paths: Vec<&str> = crons.iter().map(|cron| cron.path.as_str()).collect();
        assert_eq!(paths, ["/api/a", "/api/b"]);
        assert!(parse("{}").unwrap().is_empty());
    }

    #[test]
    fn invalid_crons_are_errors() {
        assert!(parse(r#"{"crons": [{"path": "api/a", "schedule": "* * * * *"}]}"#).is_err());
        assert!(parse(r#"{"crons": [{"path": "/api/a", "schedule": "0 0 1 * *"}]}"#).is_err());
        assert!(parse("[").is_err());
    }
}
