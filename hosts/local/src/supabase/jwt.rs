//! Signs and checks tokens: HS256 (RFC 7519), as Supabase's are.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A token for a database role, valid between two moments in seconds since 1970.
pub(super) fn for_role(secret: &str, role: &str, issued: i64, expires: i64) -> String {
    let claims =
        json!({"iss": "supabase", "ref": "local", "role": role, "iat": issued, "exp": expires});
    sign(secret, &claims)
}

/// A token that says `claims`.
pub(super) fn sign(secret: &str, claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = mac(secret, &signed).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What `token` says, when it was signed with `secret` and has not lapsed at `now`, in seconds since 1970.
pub(super) fn verify(secret: &str, token: &str, now: i64) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    mac(secret, signed).verify_slice(&signature).ok()?;
    let (_, claims) = signed.split_once('.')?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (claims["exp"].as_i64()? > now).then_some(claims)
}

fn mac(secret: &str, signed: &str) -> Hmac<Sha256> {
    // A key longer than a block is hashed, as HMAC itself would do, so that every secret has a fixed length.
    let mut key = [0; 64];
    let bytes = secret.as_bytes();
    if bytes.len() > key.len() {
        key[..32].copy_from_slice(&Sha256::digest(bytes));
    } else {
        key[..bytes.len()].copy_from_slice(bytes);
    }
    Hmac::<Sha256>::new(&key.into()).chain_update(signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_claims_give_the_same_token_and_another_secret_another() {
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
    fn only_an_unlapsed_token_of_ours_is_believed() {
        let token = for_role("secret", "anon", 1, 100);
        assert_eq!(verify("secret", &token, 99).unwrap()["role"], "anon");
        assert_eq!(verify("secret", &token, 100), None);
        assert_eq!(verify("other", &token, 99), None);
        assert_eq!(verify("secret", &token.replace('.', "x"), 99), None);
        // RFC 4231, test case 2, by the key that every implementation pads alike.
        let tag = mac("Jefe", "what do ya want for nothing?")
            .finalize()
            .into_bytes();
        assert_eq!(tag[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
