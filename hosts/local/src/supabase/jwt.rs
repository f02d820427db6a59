//! Signs the tokens that PostgREST believes: HS256, as Supabase's are.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;

/// A token for `role`, valid between two moments in seconds since 1970.
pub(super) fn sign(secret: &str, role: &str, issued: i64, expires: i64) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    let claims =
        json!({"iss": "supabase", "ref": "local", "role": role, "iat": issued, "exp": expires});
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    // HMAC takes a key of any length; a refusal would leave a signature that verifies nowhere.
    let signature = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|mac| mac.chain_update(signed.as_bytes()).finalize().into_bytes())
        .unwrap_or_default();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_claims_give_the_same_token_and_another_secret_another() {
        let token = sign("secret", "anon", 1, 2);
        assert_eq!(token, sign("secret", "anon", 1, 2));
        assert_ne!(token, sign("other", "anon", 1, 2));
        let claims = URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            claims,
            json!({"iss": "supabase", "ref": "local", "role": "anon", "iat": 1, "exp": 2})
        );
    }
}
