//! Supabase's gateway in front of PostgREST: `/rest/v1/*` for clients with a key, and
//! `/auth/v1/user`.
//!
//! It returns 401 without a known key, 404 for other paths, and 502 if PostgREST does not answer.
//! Everything else is PostgREST's own response, streamed.

mod jwt;
mod keys;
mod outage;
mod users;

pub(crate) use self::keys::Keys;
use self::keys::{Forwarding, Refusal};
pub(crate) use self::users::sign_in;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use exodrive_native::Clock;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const API_KEY: HeaderName = HeaderName::from_static("apikey");
/// Tokens live five minutes and change each minute, so PostgREST can cache verified ones.
const TOKEN_STEP_SECONDS: i64 = 60;
const TOKEN_SECONDS: i64 = 300;

#[derive(Clone)]
struct Gateway {
    keys: Arc<Keys>,
    authority: Arc<str>,
    client: Client<HttpConnector, Body>,
    /// The machine's clock, which PostgREST uses too. The control API does not move it.
    clock: Clock,
}

/// The gateway in front of the PostgREST at `authority` (`host:port`).
pub(crate) fn router(keys: Keys, authority: &str) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .build(connector);
    Router::new().fallback(forward).with_state(Gateway {
        keys: Arc::new(keys),
        authority: authority.into(),
        client,
        clock: Clock::default(),
    })
}

async fn forward(State(gateway): State<Gateway>, mut request: Request) -> Response {
    let (query_key, query) = split_api_key(request.uri().query().unwrap_or_default());
    let header_key = header_text(request.headers(), &API_KEY);
    let authorization = header_text(request.headers(), &header::AUTHORIZATION);
    let forwarding = match gateway
        .keys
        .admit(header_key.or(query_key.as_deref()), authorization)
    {
        Ok(forwarding) => forwarding,
        Err(refusal) => return refusal.into_response(),
    };
    if request.uri().path() == "/auth/v1/user" {
        return users::show(
            &gateway.keys,
            authorization,
            gateway.clock.now().as_second(),
        );
    }
    let Some(path) = request.uri().path().strip_prefix("/rest/v1/") else {
        return json_response(
            StatusCode::NOT_FOUND,
            &json!({"message": "no Route matched with those values"}),
        );
    };
    let separator = if query.is_empty() { "" } else { "?" };
    let Ok(uri) = format!("http://{}/{path}{separator}{query}", gateway.authority).parse::<Uri>()
    else {
        return json_response(StatusCode::BAD_REQUEST, &json!({"message": "Bad Request"}));
    };
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.remove(API_KEY);
    headers.remove(header::HOST);
    remove_hop_by_hop(headers);
    if let Forwarding::Minted(role) = forwarding {
        let issued = gateway.clock.now().as_second();
        let issued = issued - issued.rem_euclid(TOKEN_STEP_SECONDS);
        let token = jwt::for_role(
            &gateway.keys.jwt_secret,
            role.name(),
            issued,
            issued + TOKEN_SECONDS,
        );
        if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
            headers.insert(header::AUTHORIZATION, value);
        }
    }
    match gateway.client.request(request).await {
        Ok(response) => {
            let mut response = response.map(Body::new);
            remove_hop_by_hop(response.headers_mut());
            outage::translate(response).await
        }
        Err(_) => json_response(
            StatusCode::BAD_GATEWAY,
            &json!({"message": "An invalid response was received from the upstream server"}),
        ),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = match self {
            Self::NoKey => json!({
                "message": "No API key found in request",
                "hint": "No `apikey` request header or url param was found."
            }),
            Self::UnknownKey => json!({
                "message": "Invalid API key",
                "hint": "Double check your Supabase `anon` or `service_role` API key."
            }),
        };
        json_response(StatusCode::UNAUTHORIZED, &body)
    }
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, axum::Json(body)).into_response()
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Splits a query into its `apikey` and the rest. PostgREST would read the key as a filter.
fn split_api_key(query: &str) -> (Option<String>, String) {
    let mut key = None;
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| match pair.strip_prefix("apikey=") {
            Some(value) => {
                key = Some(value.to_owned());
                false
            }
            None => !pair.is_empty(),
        })
        .collect();
    (key, rest.join("&"))
}

/// Removes hop-by-hop headers. <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_key_is_removed_from_query() {
        assert_eq!(split_api_key(""), (None, String::new()));
        assert_eq!(
            split_api_key("slug=eq.a&limit=1"),
            (None, "slug=eq.a&limit=1".to_owned())
        );
        assert_eq!(
            split_api_key("slug=eq.a&apikey=k&limit=1"),
            (Some("k".to_owned()), "slug=eq.a&limit=1".to_owned())
        );
    }

    #[test]
    fn refusals_are_401() {
        for refusal in [Refusal::NoKey, Refusal::UnknownKey] {
            assert_eq!(refusal.into_response().status(), StatusCode::UNAUTHORIZED);
        }
    }
}
