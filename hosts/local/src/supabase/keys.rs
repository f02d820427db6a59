//! The gateway's keys: which there are, and what each lets through.
//!
//! Source: <https://supabase.com/docs/guides/api/api-keys>

use super::jwt;

/// Legacy keys are tokens that never change, so their times are constants: 2025-01-01 to 2035-01-01.
const LEGACY_ISSUED: i64 = 1_735_689_600;
const LEGACY_EXPIRES: i64 = 2_051_222_400;

/// The database role a key stands for.
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

/// Why a request is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoKey,
    UnknownKey,
}

/// What `PostgREST` gets as `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forwarded {
    /// A fresh token of this role.
    Minted(Role),
    /// Whatever the request has, be it nothing.
    AsSent,
}

impl Keys {
    /// The keys of a project whose tokens are signed with `jwt_secret`.
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

    /// The gateway's rule for one request.
    ///
    /// A new key counts in `apikey` only, where the gateway exchanges it for a token; as a bearer token it is tolerated
    /// when it is the same. A legacy key is a token itself: in `apikey` it opens the gateway, the role is that of the
    /// bearer token, and without one the role is anon.
    pub(super) fn admit(
        &self,
        api_key: Option<&str>,
        authorization: Option<&str>,
    ) -> Result<Forwarded, Refusal> {
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
                Some(token) if token != api_key => Forwarded::AsSent,
                _ => Forwarded::Minted(role),
            });
        }
        if api_key == self.legacy_anon || api_key == self.legacy_service {
            return Ok(Forwarded::AsSent);
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
    fn new_keys_are_exchanged_and_count_in_apikey_only() {
        let keys = keys();
        assert_eq!(
            keys.admit(Some("sb_secret_s"), None),
            Ok(Forwarded::Minted(Role::Service))
        );
        assert_eq!(
            keys.admit(Some("sb_publishable_p"), None),
            Ok(Forwarded::Minted(Role::Anon))
        );
        let same = Some("Bearer sb_secret_s");
        assert_eq!(
            keys.admit(Some("sb_secret_s"), same),
            Ok(Forwarded::Minted(Role::Service))
        );
        assert_eq!(
            keys.admit(Some("sb_publishable_p"), same),
            Ok(Forwarded::AsSent)
        );
        assert_eq!(keys.admit(None, same), Err(Refusal::NoKey));
    }

    #[test]
    fn a_users_token_goes_through() {
        assert_eq!(
            keys().admit(Some("sb_publishable_p"), Some("Bearer a.b.c")),
            Ok(Forwarded::AsSent)
        );
    }

    #[test]
    fn legacy_keys_open_the_gateway_and_name_no_role() {
        let keys = keys();
        let bearer = format!("Bearer {}", keys.legacy_service);
        assert_eq!(
            keys.admit(Some(&keys.legacy_service), Some(&bearer)),
            Ok(Forwarded::AsSent)
        );
        assert_eq!(
            keys.admit(Some(&keys.legacy_service), None),
            Ok(Forwarded::AsSent)
        );
        assert_ne!(keys.legacy_anon, keys.legacy_service);
    }

    #[test]
    fn anything_else_is_refused() {
        for key in ["", "sb_secret_", "sb_secret_S", "a.b.c"] {
            assert_eq!(
                keys().admit(Some(key), Some("Bearer sb_secret_s")),
                Err(Refusal::UnknownKey)
            );
        }
    }
}
