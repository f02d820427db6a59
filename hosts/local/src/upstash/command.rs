//! One Redis command: a name and arguments, as bytes.

use serde_json::Value;

/// The first word is the name, which is never missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Command(Vec<Vec<u8>>);

impl Command {
    /// `None` without a name.
    pub(super) fn new(words: Vec<Vec<u8>>) -> Option<Self> {
        (!words.is_empty()).then_some(Self(words))
    }

    /// Reads a JSON array. Numbers and booleans become text. `None` for null, arrays and objects.
    pub(super) fn from_json(words: &[Value]) -> Option<Self> {
        let words = words
            .iter()
            .map(|word| match word {
                Value::String(text) => Some(text.clone().into_bytes()),
                Value::Number(number) => Some(number.to_string().into_bytes()),
                Value::Bool(flag) => Some(flag.to_string().into_bytes()),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            })
            .collect::<Option<Vec<_>>>()?;
        Self::new(words)
    }

    /// The name in upper case.
    pub(super) fn name(&self) -> Vec<u8> {
        self.0
            .first()
            .map(|name| name.to_ascii_uppercase())
            .unwrap_or_default()
    }

    /// The arguments before `STREAMS`, which are the options of XREAD.
    pub(super) fn options(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .skip(1)
            .map(Vec::as_slice)
            .take_while(|word| !word.eq_ignore_ascii_case(b"STREAMS"))
    }

    pub(super) fn to_redis(&self) -> redis::Cmd {
        let mut command = redis::Cmd::new();
        for word in &self.0 {
            command.arg(word.as_slice());
        }
        command
    }
}
