//! The gateway's API keys and their rights.
//!
//! Source: <https://supabase.com/docs/guides/api/api-keys>

use super::jwt;

/// 2025-01-01. Legacy keys are tokens that never change, so their times are constants.
const LEGACY_ISSUED: i64 = 1_735_689_600;
/// 2035-01-01.
const LEGACY_EXPIRES: i64 = 2_051_222_400;

/// The database role of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Anon,
    Service,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Anon => "anon",
            Self::Service => "service_role",
        }
    }
}

/// The four keys of a project, and the secret that signs its tokens.
#[derive(Clone)]
pub(crate) struct Keys {
    /// `sb_publishable_…`
    pub(crate) publishable: String,
    /// `sb_secret_…`
    pub(crate) secret: String,
    /// A legacy JWT of role anon.
    pub(crate) legacy_anon: String,
    /// A legacy JWT of role `service_role`.
    pub(crate) legacy_service: String,
    pub(super) jwt_secret: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoKey,
    UnknownKey,
}

/// The `Authorization` header for `PostgREST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forwarding {
    /// A new token of this role.
    Minted(Role),
    /// The header of the request, if there is one.
    AsSent,
}

impl Keys {
    /// `jwt_secret` signs the project's tokens.
    pub(crate) fn new(jwt_secret: String, publishable: String, secret: String) -> Self {
        let legacy =
            |role: Role| jwt::for_role(&jwt_secret, role.name(), LEGACY_ISSUED, LEGACY_EXPIRES);
        Self {
            legacy_anon: legacy(Role::Anon),
            legacy_service: legacy(Role::Service),
            publishable,
            secret,
            jwt_secret,
        }
    }

    /// Admits or refuses one request.
    ///
    /// - A new key in `apikey` is exchanged for a token. As a bearer token it is accepted only if
    ///   `apikey` is the same key.
    /// - A legacy key is itself a token. In `apikey` it only admits the request. The bearer token
    ///   decides the role, which is anon without one.
    pub(super) fn admit(
        &self,
        api_key: Option<&str>,
        authorization: Option<&str>,
    ) -> Result<Forwarding, Refusal> {
        let api_key = api_key.ok_or(Refusal::NoKey)?;
        let bearer = authorization.map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
        let exchanged = [
            (&self.publishable, Role::Anon),
            (&self.secret, Role::Service),
        ]
        .into_iter()
        .find(|(key, _)| *key == api_key);
        if let Some((_, role)) = exchanged {
            return Ok(match bearer {
                Some(token) if token != api_key => Forwarding::AsSent,
                _ => Forwarding::Minted(role),
            });
        }
        if api_key == self.legacy_anon || api_key == self.legacy_service {
            return Ok(Forwarding::AsSent);
        }
        Err(Refusal::UnknownKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(
            "s".repeat(32),
            "sb_publishable_p".to_owned(),
            "sb_secret_s".to_owned(),
        )
    }

    #[test]
    fn new_keys_work_in_apikey_only() {
        let keys = keys();
        assert_eq!(
            keys.admit(Some("sb_secret_s"), None),
            Ok(Forwarding::Minted(Role::Service))
        );
        assert_eq!(
            keys.admit(Some("sb_publishable_p"), None),
            Ok(Forwarding::Minted(Role::Anon))
        );
        let same = Some("Bearer sb_secret_s");
        assert_eq!(
            keys.admit(Some("sb_secret_s"), same),
            Ok(Forwarding::Minted(Role::Service))
        );
        assert_eq!(
            keys.admit(Some("sb_publishable_p"), same),
            Ok(Forwarding::AsSent)
        );
        assert_eq!(keys.admit(None, same), Err(Refusal::NoKey));
    }

    #[test]
    fn user_token_is_forwarded() {
        assert_eq!(
            keys().admit(Some("sb_publishable_p"), Some("Bearer a.b.c")),
            Ok(Forwarding::AsSent)
        );
    }

    #[test]
    fn legacy_keys_admit_without_role() {
        let keys = keys();
        let bearer = format!("Bearer {}", keys.legacy_service);
        assert_eq!(
            keys.admit(Some(&keys.legacy_service), Some(&bearer)),
            Ok(Forwarding::AsSent)
        );
        assert_eq!(
            keys.admit(Some(&keys.legacy_service), None),
            Ok(Forwarding::AsSent)
        );
        assert_ne!(keys.legacy_anon, keys.legacy_service);
    }

    #[test]
    fn unknown_keys_are_refused() {
        for key in ["", "sb_secret_", "sb_secret_S", "a.b.c"] {
            assert_eq!(
                keys().admit(Some(key), Some("Bearer sb_secret_s")),
                Err(Refusal::UnknownKey)
            );
        }
    }
}
