//! Lua scripts, which Redis runs in one atomic step. Upstash bills a script and each command in it.

/// A script with the digest by which Redis knows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    pub source: &'static str,
    /// SHA-1 of the source in lower-case hex.
    pub sha1: &'static str,
}

/// Deletes `KEYS[1]` if it holds `ARGV[1]`.
pub static DELETE_IF_EQUAL: Script = Script {
    source: "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    sha1: "6fbe84d1140fd2047394924af9d845b83c070bec",
};

#[cfg(test)]
mod tests {
    use super::{super::ADMIT, *};
    use crate::domain::secret::hex;
    use sha1::{Digest, Sha1};

    #[test]
    fn digests_match_sources() {
        for script in [&ADMIT, &DELETE_IF_EQUAL] {
            let digest = hex(&Sha1::digest(script.source));
            assert_eq!(script.sha1, digest, "{}", script.source);
        }
    }
}
