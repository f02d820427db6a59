//! Signs and verifies tokens with HS256 (RFC 7519), as Supabase does.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// A token for a database role. Times are in seconds since 1970.
pub(super) fn for_role(secret: &str, role: &str, issued: i64, expires: i64) -> String {
    let claims =
        json!({"iss": "supabase", "ref": "local", "role": role, "iat": issued, "exp": expires});
    sign(secret, &claims)
}

pub(super) fn sign(secret: &str, claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    let signing_input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = mac(secret, &signing_input).finalize().into_bytes();
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The claims of `token`, if it was signed with `secret` and is not expired at `now`, in seconds
/// since 1970.
pub(super) fn verify(secret: &str, token: &str, now: i64) -> Option<Value> {
    let (signing_input, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    mac(secret, signing_input).verify_slice(&signature).ok()?;
    let (_, claims) = signing_input.split_once('.')?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (claims["exp"].as_i64()? > now).then_some(claims)
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(secret: &str, message: &str) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes a key of any length")
        .chain_update(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn token_depends_on_claims_and_secret_only() {
        let token = for_role("secret", "anon", 1, 2);
        assert_eq!(token, for_role("secret", "anon", 1, 2));
        assert_ne!(token, for_role("other", "anon", 1, 2));
        let claims = URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            claims,
            json!({"iss": "supabase", "ref": "local", "role": "anon", "iat": 1, "exp": 2})
        );
    }

    #[test]
    fn expired_and_foreign_tokens_are_refused() {
        let token = for_role("secret", "anon", 1, 100);
        assert_eq!(verify("secret", &token, 99).unwrap()["role"], "anon");
        assert_eq!(verify("secret", &token, 100), None);
        assert_eq!(verify("other", &token, 99), None);
        assert_eq!(verify("secret", &token.replace('.', "x"), 99), None);
    }

    #[test]
    fn signature_is_hmac_sha256() {
        // RFC 4231, test case 2.
        let tag = mac("Jefe", "what do ya want for nothing?")
            .finalize()
            .into_bytes();
        assert_eq!(
            hex::encode(&tag),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
