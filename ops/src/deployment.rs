//! A running deployment, over its HTTP API.

use crate::{console, environment, error::Error};
use bytes::Bytes;
use exodrive::platform::{TransportError, send_within};
use exodrive_native::{Clock, NativePlatform};
use http::{HeaderValue, Method, Request, Response, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;
use url::{Host, Url};

/// The most that is shown of an answer that is no problem document.
const MOST_SHOWN: usize = 200;

/// How long a deployment may take to show something.
pub(crate) const LOOKED_WITHIN: Duration = Duration::from_secs(30);

/// What lets a request in. Never shown.
#[derive(Clone)]
pub(crate) struct Token(HeaderValue);

impl Token {
    /// `CRON_SECRET`.
    pub(crate) fn cron() -> Option<Self> {
        environment::variable("CRON_SECRET").and_then(|secret| Self::bearer(&secret))
    }

    /// The first of `ADMIN_TOKEN`.
    pub(crate) fn admin() -> Option<Self> {
        let tokens = environment::variable("ADMIN_TOKEN")?;
        let first = tokens
            .split(',')
            .map(str::trim)
            .find(|token| !token.is_empty())?;
        Self::bearer(first)
    }

    /// The first of `ADMIN_TOKEN`, without which there is nothing to do.
    pub(crate) fn required_admin() -> Result<Self, Error> {
        Self::admin().ok_or_else(|| Error::Variable {
            variable: "ADMIN_TOKEN",
            problem: "is not set: an operator's token is needed".to_owned(),
        })
    }

    fn bearer(secret: &str) -> Option<Self> {
        let mut value = HeaderValue::try_from(format!("Bearer {secret}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

/// A deployment's address, and the connections to it.
pub(crate) struct Deployment {
    base: Url,
    platform: NativePlatform,
}

impl Deployment {
    /// The one that `EXODRIVE_URL` names.
    pub(crate) fn from_environment() -> Result<Self, Error> {
        let text = environment::required("EXODRIVE_URL", "expected https://api.example.com")?;
        Ok(Self {
            base: base(&text)?,
            platform: NativePlatform::new(Clock::default()),
        })
    }

    /// What is at `path`.
    pub(crate) async fn look<T: DeserializeOwned>(
        &self,
        path: &str,
        token: &Token,
    ) -> Result<T, Error> {
        self.ask(Method::GET, path, token, LOOKED_WITHIN).await
    }

    /// One request without a body, and its answer read as `T`.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        token: &Token,
        within: Duration,
    ) -> Result<T, Error> {
        let request = Request::builder().method(method).body(Bytes::new());
        self.exchange(request, path, token, within).await
    }

    /// A POST of `body` as JSON, and its answer read as `T`.
    pub(crate) async fn tell<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        token: &Token,
        within: Duration,
    ) -> Result<T, Error> {
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into());
        self.exchange(request, path, token, within).await
    }

    /// A redirect is not followed: it could take the token along.
    async fn exchange<T: DeserializeOwned>(
        &self,
        request: http::Result<Request<Bytes>>,
        path: &str,
        token: &Token,
        within: Duration,
    ) -> Result<T, Error> {
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let mut request = request.map_err(|_| invalid())?;
        *request.uri_mut() = url.parse().map_err(|_| invalid())?;
        let agent = concat!("exo/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().extend([
            (header::AUTHORIZATION, token.0.clone()),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
            (header::USER_AGENT, HeaderValue::from_static(agent)),
        ]);
        let answer = send_within(&self.platform, request, within)
            .await
            .map_err(|error| Error::DeploymentUnreachable {
                url: url.clone(),
                problem: explained(error).to_owned(),
            })?;
        if !answer.status().is_success() {
            return Err(Error::Refused {
                status: answer.status().as_u16(),
                problem: problem(&answer),
                url,
            });
        }
        serde_json::from_slice(answer.body()).map_err(|error| Error::Answer {
            url,
            problem: error.to_string(),
        })
    }
}

/// Tokens travel encrypted, except within this machine.
fn base(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|_| invalid())?;
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if is_safe && is_plain {
        Ok(url)
    } else {
        Err(invalid())
    }
}

fn invalid() -> Error {
    Error::Variable {
        variable: "EXODRIVE_URL",
        problem: "is not the address of a deployment: expected https://api.example.com (http only for this machine)"
            .to_owned(),
    }
}

fn explained(error: TransportError) -> &'static str {
    match error {
        TransportError::NotSent => "there is no connection to it",
        TransportError::Unknown => {
            "it may have got the request all the same; asking again does no harm"
        }
        TransportError::TooLarge => "it is too large",
    }
}

/// RFC 9457's members, as far as they are there.
#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
}

fn said(problem: Problem) -> String {
    let text = problem.detail.or(problem.title);
    let said: Vec<String> = [problem.code, text].into_iter().flatten().collect();
    said.join(": ")
}

fn problem(answer: &Response<Bytes>) -> String {
    let text = match serde_json::from_slice(answer.body()) {
        Ok(problem) => said(problem),
        Err(_) => String::from_utf8_lossy(answer.body())
            .trim()
            .chars()
            .take(MOST_SHOWN)
            .collect(),
    };
    if text.is_empty() {
        let reason = answer.status().canonical_reason();
        return reason.unwrap_or("nothing else").to_owned();
    }
    console::harmless(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_encrypted_or_not_at_all() {
        for accepted in [
            "https://api.example.com",
            "https://api.example.com/",
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
        ] {
            assert!(base(accepted).is_ok(), "{accepted}");
        }
        for refused in [
            "http://api.example.com",
            "api.example.com",
            "localhost:3000",
            "ftp://localhost",
            "https://user@api.example.com",
            "https://api.example.com/?x=1",
            "http://localhost.example.com",
        ] {
            assert_eq!(base(refused).unwrap_err().exit_code(), 2, "{refused}");
        }
    }
}
