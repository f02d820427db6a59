//! Signed-in users. `GET /auth/v1/user` returns the user of a token.
//! <https://supabase.com/docs/reference/javascript/auth-getuser>

use super::{Keys, json_response, jwt};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

/// Supabase's default.
const SESSION_SECONDS: i64 = 3_600;
const DEFAULT_USER: &str = "00000000-0000-4000-8000-00000000f00d";

/// An access token for the user `id`. `role` becomes `app_metadata.role`, which only the service
/// can set.
pub(crate) fn sign_in(keys: &Keys, id: Option<&str>, role: &str, now: i64) -> String {
    let claims = json!({
        "iss": "supabase",
        "sub": id.unwrap_or(DEFAULT_USER),
        "aud": "authenticated",
        "role": "authenticated",
        "email": "operator@example.com",
        "app_metadata": {"provider": "email", "role": role},
        "iat": now,
        "exp": now + SESSION_SECONDS,
    });
    jwt::sign(&keys.jwt_secret, &claims)
}

/// Returns the user of the bearer token: 401 without a token, 403 for an invalid one.
pub(super) fn show(keys: &Keys, authorization: Option<&str>, now: i64) -> Response {
    let refuse = |status: StatusCode, code: &str, text: &str| {
        json_response(
            status,
            &json!({"code": status.as_u16(), "error_code": code, "msg": text}),
        )
    };
    let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "no_authorization",
            "This endpoint requires a valid Bearer token",
        );
    };
    match jwt::verify(&keys.jwt_secret, token, now) {
        Some(claims) if claims["sub"].is_string() => json_response(StatusCode::OK, &user(&claims)),
        _ => refuse(StatusCode::FORBIDDEN, "bad_jwt", "invalid JWT"),
    }
}

fn user(claims: &Value) -> Value {
    json!({
        "id": claims["sub"],
        "aud": claims["aud"],
        "role": claims["role"],
        "email": claims["email"],
        "app_metadata": claims["app_metadata"],
        "user_metadata": {},
    })
}
