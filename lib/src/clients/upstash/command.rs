//! Redis commands in the form that Upstash accepts: arrays of strings.

use super::script::Script;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// One Redis command: its name and arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    words: Vec<Cow<'static, str>>,
    script: Option<&'static Script>,
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.words.serialize(serializer)
    }
}

impl Command {
    /// The command `name` without arguments.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            words: vec![Cow::Borrowed(name)],
            script: None,
        }
    }

    /// The same command with one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<Cow<'static, str>>) -> Self {
        self.words.push(argument.into());
        self
    }

    /// `PING`.
    #[must_use]
    pub fn ping() -> Self {
        Self::new("PING")
    }

    /// `EXPIRE key seconds`.
    #[must_use]
    pub fn expire(key: String, seconds: u64) -> Self {
        Self::new("EXPIRE").arg(key).arg(seconds.to_string())
    }

    /// `SET key value EX seconds`.
    #[must_use]
    pub fn set(key: String, value: String, seconds: u64) -> Self {
        Self::new("SET")
            .arg(key)
            .arg(value)
            .arg("EX")
            .arg(seconds.to_string())
    }

    /// `SET key value NX PX millis`. The first caller gets `OK`, the others nil.
    #[must_use]
    pub fn set_if_absent(key: String, value: String, millis: u64) -> Self {
        Self::new("SET")
            .arg(key)
            .arg(value)
            .arg("NX")
            .arg("PX")
            .arg(millis.to_string())
    }

    /// `DEL key`.
    #[must_use]
    pub fn del(key: String) -> Self {
        Self::new("DEL").arg(key)
    }

    /// `HINCRBY key field by`.
    #[must_use]
    pub fn hincrby(key: String, field: String, by: u64) -> Self {
        Self::new("HINCRBY").arg(key).arg(field).arg(by.to_string())
    }

    /// `HGETALL key`.
    #[must_use]
    pub fn hgetall(key: String) -> Self {
        Self::new("HGETALL").arg(key)
    }

    /// `ZADD key score member`.
    #[must_use]
    pub fn zadd(key: String, score: i64, member: String) -> Self {
        Self::new("ZADD")
            .arg(key)
            .arg(score.to_string())
            .arg(member)
    }

    /// `ZREMRANGEBYSCORE key -inf (least`: removes the members with scores below `least`.
    #[must_use]
    pub fn zremrangebyscore(key: String, least: i64) -> Self {
        Self::new("ZREMRANGEBYSCORE")
            .arg(key)
            .arg("-inf")
            .arg(format!("({least}"))
    }

    /// `ZREMRANGEBYRANK key first last`.
    #[must_use]
    pub fn zremrangebyrank(key: String, first: i64, last: i64) -> Self {
        Self::new("ZREMRANGEBYRANK")
            .arg(key)
            .arg(first.to_string())
            .arg(last.to_string())
    }

    /// `ZRANGE key +inf least BYSCORE REV LIMIT 0 limit`: the newest members first.
    #[must_use]
    pub fn zrange_newest(key: String, least: i64, limit: u32) -> Self {
        Self::new("ZRANGE")
            .arg(key)
            .arg("+inf")
            .arg(least.to_string())
            .arg("BYSCORE")
            .arg("REV")
            .arg("LIMIT")
            .arg("0")
            .arg(limit.to_string())
    }

    /// Runs `script` by its digest. The client sends the source if the server does not know it.
    #[must_use]
    pub fn run<const A: usize>(
        script: &'static Script,
        keys: impl Into<Vec<String>>,
        arguments: [String; A],
    ) -> Self {
        let keys = keys.into();
        let mut command = Self::new("EVALSHA")
            .arg(script.sha1)
            .arg(keys.len().to_string());
        command
            .words
            .extend(keys.into_iter().chain(arguments).map(Cow::Owned));
        command.script = Some(script);
        command
    }

    /// The same command with its script's source. `None` without a script.
    pub(super) fn with_source(&self) -> Option<Self> {
        let script = self.script?;
        let mut words = self.words.clone();
        *words.get_mut(0)? = Cow::Borrowed("EVAL");
        *words.get_mut(1)? = Cow::Borrowed(script.source);
        Some(Self {
            words,
            script: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipeline_serializes_as_nested_arrays() {
        let commands = [
            Command::new("INCR").arg("a"),
            Command::set_if_absent("l".into(), "me".into(), 5000),
            Command::zrange_newest("z".into(), 7, 10),
            Command::zremrangebyscore("z".into(), 7),
        ];
        assert_eq!(
            serde_json::to_string(&commands).unwrap(),
            r#"[["INCR","a"],["SET","l","me","NX","PX","5000"],["ZRANGE","z","+inf","7","BYSCORE","REV","LIMIT","0","10"],["ZREMRANGEBYSCORE","z","-inf","(7"]]"#
        );
    }

    #[test]
    fn script_runs_by_digest_or_source() {
        static SCRIPT: Script = Script {
            source: "return 1",
            sha1: "e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
        };
        let command = Command::run(&SCRIPT, ["k".into()], ["v".into()]);
        assert_eq!(
            serde_json::to_string(&command).unwrap(),
            r#"["EVALSHA","e0e1f9fabfc9d4800c877a703b823ac0578ff8db","1","k","v"]"#
        );
        assert_eq!(
            serde_json::to_string(&command.with_source()).unwrap(),
            r#"["EVAL","return 1","1","k","v"]"#
        );
        assert_eq!(Command::ping().with_source(), None);
    }
}
