//! A client of the product, and the responses it gets.

use crate::support::environment::{base_url, new_number, variable_or};
use bytes::Bytes;
use reqwest::{Method, RequestBuilder, header::HeaderMap, redirect::Policy};
use serde_json::Value;
use std::time::Duration;

/// Longer than any route takes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client with its own address: requests of others do not count against its rate limits.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base_url: String,
    address: String,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::with_base_url(base_url())
    }

    /// A client of another deployment than `BASE_URL`.
    pub(crate) fn with_base_url(base_url: String) -> Self {
        Self {
            http: http_client(),
            base_url,
            address: random_address(),
        }
    }

    /// A client with another address, on the same connections.
    pub(crate) fn with_new_address(&self) -> Self {
        self.with_address(&random_address())
    }

    /// A client with this address, on the same connections.
    pub(crate) fn with_address(&self, address: &str) -> Self {
        Self {
            http: self.http.clone(),
            base_url: self.base_url.clone(),
            address: address.to_owned(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base_url))
            .header(
                variable_or("CLIENT_IP_HEADER", "x-forwarded-for"),
                &self.address,
            )
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        Response::to(self.request(Method::GET, path)).await
    }

    /// GET with `Authorization: Bearer token`.
    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Response {
        Response::to(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        Response::to(self.request(Method::POST, path).json(body)).await
    }

    /// POST of any bytes as `application/json`.
    pub(crate) async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json");
        Response::to(request.body(body)).await
    }
}

/// An HTTP client that follows no redirects and has a timeout.
pub(crate) fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .build()
        .unwrap()
}

/// One of 2^24 addresses.
pub(crate) fn random_address() -> String {
    let number = new_number(1 << 24);
    format!(
        "10.{}.{}.{}",
        number >> 16,
        (number >> 8) & 255,
        number & 255
    )
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Method and URL of the request, for the message of a failed test.
    request_line: String,
}

impl Response {
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let request_line = format!("{} {}", request.method(), request.url());
        let response = client
            .execute(request)
            .await
            .unwrap_or_else(|error| panic!("{request_line}: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response
            .text()
            .await
            .unwrap_or_else(|error| panic!("{request_line}: {error:?}"));
        Self {
            status,
            headers,
            text,
            request_line,
        }
    }

    /// The text of a header, empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{self}\n{error}"))
    }

    /// Asserts a success with this status and returns its JSON.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.header("content-type"), "application/json", "{self}");
        self.json()
    }

    /// Asserts this problem, well-formed by RFC 9457, and returns its body.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self}"
        );
        let body = self.json();
        assert_eq!(body["code"], code, "{self}");
        assert_eq!(
            body["type"],
            format!("urn:exodrive:problem:{code}"),
            "{self}"
        );
        assert_eq!(body["status"], status, "{self}");
        assert_eq!(body["instance"], self.header("x-request-id"), "{self}");
        assert!(
            body["title"].is_string() && body["detail"].is_string(),
            "{self}"
        );
        assert!(body["retryable"].is_boolean(), "{self}");
        body
    }

    /// Asserts an `invalid_fields` problem with exactly these pointers and codes, in any order.
    #[track_caller]
    pub(crate) fn expect_invalid_fields(&self, fields: &[(&str, &str)]) {
        let body = self.expect_problem(422, "invalid_fields");
        assert_eq!(field_errors(&body), sorted(fields), "{self}");
    }

    /// Asserts a `rental_not_allowed` problem with exactly this pointer and code.
    #[track_caller]
    pub(crate) fn expect_rental_refused(&self, pointer: &str, code: &str) {
        let body = self.expect_problem(422, "rental_not_allowed");
        assert_eq!(field_errors(&body), sorted(&[(pointer, code)]), "{self}");
    }

    /// The seconds in `Retry-After`, at least one.
    #[track_caller]
    pub(crate) fn retry_after(&self) -> u64 {
        let seconds = self.header("retry-after").parse().unwrap_or(0);
        assert!(seconds >= 1, "Retry-After is missing: {self}");
        seconds
    }
}

/// A response of an instance in this process.
impl From<http::Response<Bytes>> for Response {
    fn from(response: http::Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(body.into()).unwrap(),
            request_line: "an instance".to_owned(),
        }
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} returned {} {}",
            self.request_line, self.status, self.text
        )
    }
}

fn field_errors(problem: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    assert!(
        errors.iter().all(|error| error["detail"].is_string()),
        "{problem}"
    );
    let mut field_errors: Vec<_> = errors
        .iter()
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect();
    field_errors.sort();
    field_errors
}

fn sorted(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields
        .iter()
        .map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned()))
        .collect();
    fields.sort();
    fields
}
