//! Runs the crons of vercel.json as Vercel does: GET, its user agent, `CRON_SECRET` as the bearer token.
//!
//! Due is what the local clock says, so a clock moved forward runs once what fell due in between.
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

/// How often the clock is looked at; a moved clock is noticed at once.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Vercel's own limit for a function.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);

/// One entry of vercel.json.
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

/// The crons of the project in `root`.
pub(crate) fn read(root: &Path) -> Result<Vec<Cron>, Error> {
    let text = match fs::read_to_string(root.join("vercel.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(Error::Io {
                what: "read vercel.json".to_owned(),
                source,
            });
        }
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

/// Calls crons on the product's own address.
pub(crate) struct Caller {
    crons: Vec<Cron>,
    authority: String,
    secret: String,
    client: Client<HttpConnector, Full<Bytes>>,
    clock_moved: Notify,
}

impl Caller {
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

    /// Whether `path` is a cron of vercel.json.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.crons.iter().any(|cron| cron.path == path)
    }

    /// To be told when somebody has moved the clock.
    pub(crate) fn clock_moved(&self) {
        self.clock_moved.notify_one();
    }

    /// Runs one cron now; the text is why there is no answer.
    pub(crate) async fn run(&self, path: &str) -> Result<Response<Body>, String> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("http://{}{path}", self.authority))
            .header(header::USER_AGENT, "vercel-cron/1.0")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.secret))
            .body(Full::default())
            .map_err(|error| error.to_string())?;
        match timeout(ANSWER_WITHIN, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response.map(Body::new)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
        }
    }

    /// Runs what falls due, for ever. Like on Vercel, a slow run does not hold back the next one.
    pub(crate) async fn keep_time(self: Arc<Self>, clock: Clock) {
        let mut seen = clock.now();
        let mut runs = JoinSet::new();
        loop {
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.clock_moved.notified() => {}
                Some(_) = runs.join_next() => continue,
            }
            let now = clock.now();
            for cron in self
                .crons
                .iter()
                .filter(|cron| cron.schedule.is_due(seen, now))
            {
                let (caller, path) = (Arc::clone(&self), cron.path.clone());
                runs.spawn(async move { caller.run_and_log(&path).await });
            }
            seen = now;
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
                console::log(&format!("cron {path} answered {status}: {body}"));
            }
            Err(reason) => console::log(&format!("cron {path} failed: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crons_are_read_and_the_rest_of_the_file_is_not() {
        let crons = parse(
            r#"{"framework": null, "crons": [{"path": "/api/a", "schedule": "*/15 * * * *"}, {"path": "/api/b", "schedule": "5 4 * * *"}]}"#,
        )
        .unwrap();
        let paths: Vec<&str> = crons.iter().map(|cron| cron.path.as_str()).collect();
        assert_eq!(paths, ["/api/a", "/api/b"]);
        assert!(parse("{}").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_run_is_an_error() {
        assert!(parse(r#"{"crons": [{"path": "api/a", "schedule": "* * * * *"}]}"#).is_err());
        assert!(parse(r#"{"crons": [{"path": "/api/a", "schedule": "0 0 1 * *"}]}"#).is_err());
        assert!(parse("[").is_err());
    }
}
