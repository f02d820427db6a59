//! Translates postrust's error for an unreachable database into PostgREST's.
//!
//! Source: <https://docs.postgrest.org/en/stable/references/errors.html#group-0-connection>

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;

/// Longer than any error message.
const MAX_ERROR_BYTES: usize = 64 * 1024;
const OUTAGE: &str = r#"{"code":"PGRST000","details":null,"hint":null,"message":"Database connection error. Retrying the connection."}"#;

/// Replaces postrust's 500 `PGRST500` by PostgREST's 503 `PGRST000`.
pub(super) async fn translate(response: Response) -> Response {
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // A body that is too long or incomplete becomes empty. The status stays.
    let body = Limited::new(body, MAX_ERROR_BYTES)
        .collect()
        .await
        .map_or(Bytes::new(), http_body_util::Collected::to_bytes);
    if !is_outage(&body) {
        return Response::from_parts(head, Body::from(body));
    }
    head.status = StatusCode::SERVICE_UNAVAILABLE;
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(OUTAGE))
}

fn is_outage(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Message {
        code: String,
    }
    serde_json::from_slice::<Message>(body).is_ok_and(|message| message.code == "PGRST500")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn translated(status: u16, body: &'static str) -> (u16, String) {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let response = translate(response).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn only_outages_are_translated() {
        let outage = r#"{"code":"PGRST500","message":"Service temporarily unavailable","details":null,"hint":null}"#;
        assert_eq!(translated(500, outage).await, (503, OUTAGE.to_owned()));
        let deadlock = r#"{"code":"40P01","message":"deadlock detected"}"#;
        assert_eq!(translated(500, deadlock).await, (500, deadlock.to_owned()));
        assert_eq!(translated(200, outage).await, (200, outage.to_owned()));
    }
}
