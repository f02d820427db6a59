//! Expected outputs of the runbook, and their comparison with real ones.

use serde_json::Value;

/// Matches anything: a whole value, or a part of a text.
const WILDCARD: char = '…';

/// The output that the runbook shows for a command.
#[derive(Debug)]
pub(super) enum ExpectedOutput {
    /// Required members. The output may have more.
    Json(Value),
    /// Required lines in any order and case, because hosts write header names in different cases.
    Text(String),
}

impl ExpectedOutput {
    pub(super) fn parse(language: &str, text: &str) -> Self {
        match language {
            "json" => Self::Json(
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")),
            ),
            "text" => Self::Text(text.to_owned()),
            _ => panic!("{language:?} is no language of an output: {text}"),
        }
    }

    /// Checks that `output` matches, or returns the first difference.
    pub(super) fn check(&self, output: &str) -> Result<(), String> {
        let result = match self {
            Self::Json(expected) => serde_json::from_str(output)
                .map_err(|error| error.to_string())
                .and_then(|actual| check_json(expected, &actual, "")),
            Self::Text(expected) => check_lines(expected, output),
        };
        result.map_err(|difference| format!("{difference}\n{output}"))
    }
}

fn check_json(expected: &Value, actual: &Value, pointer: &str) -> Result<(), String> {
    let is_match = match (expected, actual) {
        (Value::String(text), _)
            if text.trim_end_matches(WILDCARD).is_empty() && !text.is_empty() =>
        {
            true
        }
        (Value::String(text), Value::Number(number)) => is_within(text, number.as_f64()),
        (Value::String(text), Value::String(actual)) => matches_pattern(text, actual),
        (Value::Object(members), Value::Object(actual)) => {
            for (name, member) in members {
                let pointer = format!("{pointer}/{name}");
                let actual = actual
                    .get(name)
                    .ok_or_else(|| format!("{pointer} is missing"))?;
                check_json(member, actual, &pointer)?;
            }
            true
        }
        (Value::Array(elements), Value::Array(actual)) if !elements.is_empty() => {
            // Elements may be in any order.
            elements.iter().all(|element| {
                actual
                    .iter()
                    .any(|actual| check_json(element, actual, "").is_ok())
            })
        }
        _ => expected == actual,
    };
    if is_match {
        Ok(())
    } else {
        Err(format!("{pointer} is {actual}, and should be {expected}"))
    }
}

/// Whether a number satisfies a comparison such as `< 100`.
fn is_within(text: &str, number: Option<f64>) -> bool {
    let (Some((operator, bound)), Some(number)) = (text.split_once(' '), number) else {
        return false;
    };
    let Ok(bound) = bound.parse::<f64>() else {
        return false;
    };
    match operator {
        "<" => number < bound,
        "<=" => number <= bound,
        ">" => number > bound,
        ">=" => number >= bound,
        _ => false,
    }
}

/// Whether a text matches a pattern with wildcards.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(WILDCARD);
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

fn check_lines(expected: &str, output: &str) -> Result<(), String> {
    let lower_case_lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.trim_end().to_lowercase())
            .collect()
    };
    let mut lines = lower_case_lines(output);
    for pattern in lower_case_lines(expected) {
        let index = lines
            .iter()
            .position(|line| matches_pattern(&pattern, line))
            .ok_or_else(|| format!("no line matches {pattern:?}"))?;
        lines.remove(index);
    }
    Ok(())
}

#[test]
fn output_may_have_more_than_expected() {
    let matches = |language: &str, expected: &str, output: &str| {
        ExpectedOutput::parse(language, expected)
            .check(output)
            .is_ok()
    };
    for (expected, output) in [
        (r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#),
        (r#"{"a": "…"}"#, r#"{"a": null}"#),
        (r#"{"a": "EXO-…"}"#, r#"{"a": "EXO-7"}"#),
        (r#"{"a": ["x"]}"#, r#"{"a": ["y", "x"]}"#),
        (r#"{"a": []}"#, r#"{"a": []}"#),
        (r#"{"a": "< 0.1"}"#, r#"{"a": 0.0}"#),
        (r#"{"a": ">= 3"}"#, r#"{"a": 3}"#),
        (r#""…b…d""#, r#""abcd""#),
    ] {
        assert!(matches("json", expected, output), "{expected} {output}");
    }
    for (expected, output) in [
        (r#"{"a": 1}"#, r#"{"b": 1}"#),
        (r#"{"a": 1}"#, r#"{"a": 1.5}"#),
        (r#"{"a": null}"#, "{}"),
        (r#"{"a": "…"}"#, "{}"),
        (r#"{"a": "EXO-…"}"#, r#"{"a": "XEXO-7"}"#),
        (r#"{"a": "… ms"}"#, r#"{"a": "7 msx"}"#),
        (r#"{"a": ["x"]}"#, r#"{"a": []}"#),
        (r#"{"a": []}"#, r#"{"a": ["x"]}"#),
        (r#"{"a": "< 0.1"}"#, r#"{"a": 0.1}"#),
        (r#"{"a": "> 3"}"#, r#"{"a": 3}"#),
        (r#"{"a": "> 3"}"#, r#"{"a": null}"#),
        (r#"{"a": "3"}"#, r#"{"a": 3}"#),
        ("{}", "no JSON"),
    ] {
        assert!(!matches("json", expected, output), "{expected} {output}");
    }
    assert!(matches(
        "text",
        "X-Cache: HIT\nX-Response-Time: …ms\n",
        "x-response-time: 1.2ms\r\nx-cache: HIT\r\n"
    ));
    assert!(matches("text", "200\n200\n", "200\n200\n200\n"));
    assert!(!matches("text", "200\n200\n", "200\n429\n"));
    assert!(!matches("text", "X-Cache: HIT\n", "X-Cache: HITS\n"));
}
