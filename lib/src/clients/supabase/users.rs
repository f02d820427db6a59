//! Users who are signed in with Supabase.

use super::{Database, DatabaseError, error::refusal};
use crate::clients::json;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde::Deserialize;

const OPERATION: &str = "auth/v1/user";

/// A user who is signed in.
#[derive(Debug, Deserialize)]
pub(crate) struct User {
    /// Supabase's id.
    pub(crate) id: String,
    #[serde(default)]
    app_metadata: AppMetadata,
}

impl User {
    /// Whether the user is an operator.
    #[must_use]
    pub(crate) fn is_admin(&self) -> bool {
        self.app_metadata.role.as_deref() == Some("admin")
    }
}

/// Metadata that only the service can change. Users can change their `user_metadata`.
#[derive(Debug, Default, Deserialize)]
struct AppMetadata {
    role: Option<String>,
}

impl Database<'_> {
    /// The user of `token`, or `None` if the token is not valid.
    ///
    /// Supabase checks the token, so revoked tokens and rotated keys are refused at once.
    /// <https://supabase.com/docs/reference/javascript/auth-getuser>
    pub(crate) async fn user(&self, token: &str) -> Result<Option<User>, DatabaseError> {
        let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {token}")) else {
            return Ok(None);
        };
        bearer.set_sensitive(true);
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = format!("{}/auth/v1/user", self.config.url)
            .parse()
            .map_err(|_| DatabaseError::Unaddressable {
                function: OPERATION,
            })?;
        let headers = request.headers_mut();
        self.identify(headers, OPERATION)?;
        headers.insert(header::AUTHORIZATION, bearer);

        let response = self.exchange(OPERATION, request).await?;
        match response.status() {
            status if status.is_success() => json::from_slice(response.body())
                .map_err(|error| DatabaseError::undecodable(OPERATION, error)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
            status => Err(refusal(OPERATION, status, response.body())),
        }
    }
}
