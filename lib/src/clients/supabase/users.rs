//! People who are signed in with Supabase.

use super::{Database, DatabaseError, error::refusal};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde::Deserialize;

const OPERATION: &str = "auth/v1/user";

/// Somebody who is signed in.
#[derive(Debug, Deserialize)]
pub struct User {
    /// Supabase's id.
    pub id: String,
    #[serde(default)]
    app_metadata: AppMetadata,
}

impl User {
    /// Whether they are an operator.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.app_metadata.role.as_deref() == Some("admin")
    }
}

/// Set by the service only; a user can change `user_metadata`, not this.
#[derive(Debug, Default, Deserialize)]
struct AppMetadata {
    role: Option<String>,
}

impl Database<'_> {
    /// Whoever `token` belongs to; `None` when it is nobody's.
    ///
    /// Supabase is asked, so a token that was revoked, or is signed with a key that was rotated, is known for what it is.
    /// <https://supabase.com/docs/reference/javascript/auth-getuser>
    pub async fn user(&self, token: &str) -> Result<Option<User>, DatabaseError> {
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

        let answer = self.exchange(OPERATION, request).await?;
        match answer.status() {
            status if status.is_success() => {
                serde_json::from_slice(answer.body()).map_err(|source| DatabaseError::Undecodable {
                    function: OPERATION,
                    source,
                })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
            status => Err(refusal(OPERATION, status, answer.body())),
        }
    }
}
