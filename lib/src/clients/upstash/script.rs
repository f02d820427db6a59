//! What has to happen in one step inside Redis. Upstash bills a script and each command in it.

/// A script in Lua, with the digest that Redis knows it by.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    /// Its text.
    pub source: &'static str,
    /// SHA-1 of the text, in lower-case hex.
    pub sha1: &'static str,
}

/// Deletes `KEYS[1]` if it still holds `ARGV[1]`.
pub static DELETE_IF_EQUAL: Script = Script {
    source: "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    sha1: "6fbe84d1140fd2047394924af9d845b83c070bec",
};

/// Reads the count `KEYS[1]` and the envelope `KEYS[2]`, with the epoch `KEYS[3]` and the generation `KEYS[4]` that say whether it
/// still counts. Where it is not fresh at `ARGV[1]` (milliseconds), the first who asks becomes `ARGV[2]`, the one who loads it,
/// for `ARGV[3]` milliseconds (`KEYS[5]`). Of an envelope with the validator `ARGV[4]`, which the reader has, the head comes without
/// the body. Gives `{count, envelope, epoch and generation in one, 1 or 0}`; what is not there is nil.
pub static READ_OR_LEAD: Script = Script {
    source: "local read = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3], KEYS[4]) \
local current = (read[3] or '-') .. (read[4] or '-') \
local head, generation, fresh_until, etag = string.match(read[2] or '', '^((%S+) %d+ (%d+) (\"%S+\")\\n)') \
local leads = 0 \
if generation ~= current or tonumber(fresh_until) <= tonumber(ARGV[1]) then \
if redis.call('SET', KEYS[5], ARGV[2], 'NX', 'PX', ARGV[3]) then leads = 1 end end \
return {read[1], etag == ARGV[4] and head or read[2], current, leads}",
    sha1: "81b21f156ff45c46ef085df08244feaed9a687f9",
};

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::{Digest, Sha1};
    use std::fmt::Write;

    #[test]
    fn digests_are_those_of_the_sources() {
        for script in [&DELETE_IF_EQUAL, &READ_OR_LEAD] {
            let digest = Sha1::digest(script.source)
                .iter()
                .fold(String::new(), |mut hex, byte| {
                    write!(hex, "{byte:02x}").unwrap();
                    hex
                });
            assert_eq!(script.sha1, digest, "{}", script.source);
        }
    }
}
