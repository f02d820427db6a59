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

/// Lets a request in, and does what it came for in the same step. What is denied has neither counted nor taken anything.
///
/// 1. `KEYS[1]` counts the requests of this window, `KEYS[2]` those of the one before. With this request the first, times
///    `ARGV[2]`, and the second, times `ARGV[3]`, may make `ARGV[1]` at most; it is counted for `ARGV[4]` seconds. Nobody is
///    counted when `ARGV[1]` is empty.
/// 2. `KEYS[4]` is an envelope; epoch `KEYS[5]` and generation `KEYS[6]` say whether it still counts. One that is missing, because
///    nothing set it yet or it had to make room, becomes `ARGV[5]` for `ARGV[9]` seconds: what was stored before is over then,
///    and never comes back.
/// 3. `KEYS[3]` is leased to `ARGV[5]` for `ARGV[6]` milliseconds, if it is free, and nothing is fresh at `ARGV[7]` (milliseconds).
///
/// The answer is `{count, count before, 1 if leased, envelope, epoch and generation in one}`, for who is denied the counts alone.
/// Of an envelope with the validator `ARGV[8]`, which the reader has, the head comes without the body.
pub static ADMIT: Script = Script {
    source: "local read = redis.call('MGET', unpack(KEYS)) \
local count, before = (read[1] or 0) + 1, tonumber(read[2] or 0) \
if ARGV[1] ~= '' then \
if count * ARGV[2] + before * ARGV[3] > tonumber(ARGV[1]) then return {count, before} end \
redis.call('SET', KEYS[1], count, 'EX', ARGV[4]) end \
local current, head, generation, fresh_until, etag \
if KEYS[4] then \
for i = 5, 6 do if not read[i] then \
read[i] = ARGV[5] redis.call('SET', KEYS[i], ARGV[5], 'EX', ARGV[9]) end end \
current = read[5] .. read[6] \
head, generation, fresh_until, etag = string.match(read[4] or '', '^((%S+) %d+ (%d+) (\"%S+\")\\n)') end \
local is_fresh = generation and generation == current and tonumber(fresh_until) > tonumber(ARGV[7]) \
local leased = 0 \
if KEYS[3] and not read[3] and not is_fresh then \
redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6]) leased = 1 end \
return {count, before, leased, etag and etag == ARGV[8] and head or read[4], current}",
    sha1: "8209aa812b7a343ee6c53bab5c3fe8cd82ae6ca4",
};

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::{Digest, Sha1};
    use std::fmt::Write;

    #[test]
    fn digests_are_those_of_the_sources() {
        for script in [&ADMIT, &DELETE_IF_EQUAL] {
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
