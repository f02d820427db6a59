//! A client of a deployment's HTTP API.

use crate::{console, environment, error::Error};
use bytes::Bytes;
use exodrive::platform::{TransportError, send_within};
use exodrive_native::{Clock, NativePlatform};
use http::{HeaderValue, Method, Request, Response, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;
use url::{Host, Url};

/// The most characters shown of a response that is no problem document.
const MAX_TEXT: usize = 200;

/// A deployment that takes longer to show something is treated as down.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than the longest function may run.
pub(crate) const WORK_TIMEOUT: Duration = Duration::from_secs(330);

/// The credential of a request. Never shown.
#[derive(Clone)]
pub(crate) struct Token(HeaderValue);

impl Token {
    /// `CRON_SECRET`.
    pub(crate) fn cron() -> Option<Self> {
        environment::variable("CRON_SECRET").and_then(|secret| Self::bearer(&secret))
    }

    /// The first token of `ADMIN_TOKEN`.
    pub(crate) fn admin() -> Option<Self> {
        let tokens = environment::variable("ADMIN_TOKEN")?;
        let first = tokens
            .split(',')
            .map(str::trim)
            .find(|token| !token.is_empty())?;
        Self::bearer(first)
    }

    /// The first token of `ADMIN_TOKEN`, for commands that need it.
    pub(crate) fn required_admin() -> Result<Self, Error> {
        Self::admin().ok_or_else(|| Error::unset("ADMIN_TOKEN", "set it to an operator's token"))
    }

    fn bearer(secret: &str) -> Option<Self> {
        let mut value = HeaderValue::try_from(format!("Bearer {secret}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

/// The JSON document of a response, and the part of it that a command reads.
pub(crate) struct Document<T> {
    pub(crate) content: T,
    pub(crate) json: Value,
}

/// A deployment's address, and the connections to it.
pub(crate) struct Deployment {
    base: Url,
    platform: NativePlatform,
}

impl Deployment {
    /// The deployment at `EXODRIVE_URL`.
    pub(crate) fn from_environment() -> Result<Self, Error> {
        let advice = "set it to the deployment's address, such as https://api.example.com";
        let text = environment::required("EXODRIVE_URL", advice)?;
        Ok(Self {
            base: parse_base(&text)?,
            platform: NativePlatform::new(Clock::default()),
        })
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        token: &Token,
    ) -> Result<Document<T>, Error> {
        self.send(Method::GET, path, token, READ_TIMEOUT).await
    }

    /// Sends a request without a body.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        token: &Token,
        timeout: Duration,
    ) -> Result<Document<T>, Error> {
        let request = Request::builder().method(method).body(Bytes::new());
        self.exchange(request, path, token, timeout).await
    }

    /// Sends `body` as JSON.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        token: &Token,
        timeout: Duration,
    ) -> Result<Document<T>, Error> {
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into());
        self.exchange(request, path, token, timeout).await
    }

    /// Redirects are not followed: the token could reach another server.
    async fn exchange<T: DeserializeOwned>(
        &self,
        request: http::Result<Request<Bytes>>,
        path: &str,
        token: &Token,
        timeout: Duration,
    ) -> Result<Document<T>, Error> {
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let mut request = request.map_err(|_| invalid())?;
        *request.uri_mut() = url.parse().map_err(|_| invalid())?;
        let agent = concat!("exo/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().extend([
            (header::AUTHORIZATION, token.0.clone()),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
            (header::USER_AGENT, HeaderValue::from_static(agent)),
        ]);
        let response = send_within(&self.platform, request, timeout)
            .await
            .map_err(|error| Error::DeploymentUnreachable {
                url: url.clone(),
                problem: explain(error).to_owned(),
            })?;
        if !response.status().is_success() {
            return Err(Error::Refused {
                status: response.status().as_u16(),
                problem: problem(&response),
                url,
            });
        }
        read(response.body()).map_err(|error| Error::UnknownResponse {
            url,
            problem: error.to_string(),
        })
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<Document<T>, serde_json::Error> {
    let json: Value = serde_json::from_slice(body)?;
    let content = serde_json::from_value(json.clone())?;
    Ok(Document { content, json })
}

/// Plain http is for this machine only, because requests carry a token.
fn parse_base(text: &str) -> Result<Url, Error> {
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
        problem: "is not a deployment's address: expected https://api.example.com, \
                  or http:// for this machine only"
            .to_owned(),
    }
}

fn explain(error: TransportError) -> &'static str {
    match error {
        TransportError::NotSent => "no connection. Check EXODRIVE_URL and the network",
        TransportError::Unknown => {
            "the request may have arrived. Running the command again does no harm"
        }
        TransportError::TooLarge => "the response is too large",
    }
}

/// The members of RFC 9457 that are shown.
#[derive(Deserialize)]
struct ProblemDocument {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
}

impl ProblemDocument {
    fn into_text(self) -> String {
        let text = self.detail.or(self.title);
        let parts: Vec<String> = [self.code, text].into_iter().flatten().collect();
        parts.join(": ")
    }
}

fn problem(response: &Response<Bytes>) -> String {
    let text = match serde_json::from_slice::<ProblemDocument>(response.body()) {
        Ok(document) => document.into_text(),
        Err(_) => String::from_utf8_lossy(response.body())
            .trim()
            .chars()
            .take(MAX_TEXT)
            .collect(),
    };
    if text.is_empty() {
        let reason = response.status().canonical_reason();
        return reason.unwrap_or("no reason given").to_owned();
    }
    console::sanitize(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for accepted in [
            "https://api.example.com",
            "https://api.example.com/",
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
        ] {
            assert!(parse_base(accepted).is_ok(), "{accepted}");
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
            assert_eq!(parse_base(refused).unwrap_err().exit_code(), 2, "{refused}");
        }
    }
}
