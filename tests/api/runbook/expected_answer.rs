//! What the page says about an answer, and whether one is like that.

use serde_json::Value;

/// Stands for anything: a whole value, or a part of a text.
const ANYTHING: char = '…';

/// An answer as it is written on the page.
#[derive(Debug)]
pub(super) enum Expected {
    /// Members that must be there; there may be more.
    Json(Value),
    /// Lines that must be there, in any order, whatever their case (a host may write the names of headers in its own).
    Text(String),
}

impl Expected {
    pub(super) fn read(language: &str, text: &str) -> Self {
        match language {
            "json" => Self::Json(
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")),
            ),
            "text" => Self::Text(text.to_owned()),
            _ => panic!("{language:?} is no answer: {text}"),
        }
    }

    /// Whether `output` is such an answer; if not, why.
    pub(super) fn fits(&self, output: &str) -> Result<(), String> {
        let fitted = match self {
            Self::Json(expected) => serde_json::from_str(output)
                .map_err(|error| error.to_string())
                .and_then(|found| fits(expected, &found, "")),
            Self::Text(expected) => has_lines(expected, output),
        };
        fitted.map_err(|why| format!("{why}\n{output}"))
    }
}

fn fits(expected: &Value, found: &Value, place: &str) -> Result<(), String> {
    let fitted = match (expected, found) {
        (Value::String(text), _)
            if text.trim_end_matches(ANYTHING).is_empty() && !text.is_empty() =>
        {
            true
        }
        (Value::String(text), Value::Number(number)) => compares(text, number.as_f64()),
        (Value::String(text), Value::String(found)) => matches(text, found),
        (Value::Object(members), Value::Object(found)) => {
            for (name, member) in members {
                let place = format!("{place}/{name}");
                let found = found
                    .get(name)
                    .ok_or_else(|| format!("{place} is missing"))?;
                fits(member, found, &place)?;
            }
            true
        }
        (Value::Array(elements), Value::Array(found)) if !elements.is_empty() => {
            // Each element is there, in any place.
            elements
                .iter()
                .all(|element| found.iter().any(|found| fits(element, found, "").is_ok()))
        }
        _ => expected == found,
    };
    if fitted {
        Ok(())
    } else {
        Err(format!("{place} is {found}, and should be {expected}"))
    }
}

/// Whether a number is as `< 100` says.
fn compares(text: &str, number: Option<f64>) -> bool {
    let (Some((sign, bound)), Some(number)) = (text.split_once(' '), number) else {
        return false;
    };
    let Ok(bound) = bound.parse::<f64>() else {
        return false;
    };
    match sign {
        "<" => number < bound,
        "<=" => number <= bound,
        ">" => number > bound,
        ">=" => number >= bound,
        _ => false,
    }
}

/// Whether a text is as a pattern says.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(ANYTHING);
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

fn has_lines(expected: &str, output: &str) -> Result<(), String> {
    let lower = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.trim_end().to_lowercase())
            .collect()
    };
    let mut found = lower(output);
    for line in lower(expected) {
        let at = found
            .iter()
            .position(|found| matches(&line, found))
            .ok_or_else(|| format!("no line is {line:?}"))?;
        found.remove(at);
    }
    Ok(())
}

#[test]
fn an_answer_has_at_least_what_is_written() {
    let fits = |language: &str, expected: &str, output: &str| {
        Expected::read(language, expected).fits(output).is_ok()
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
        assert!(fits("json", expected, output), "{expected} {output}");
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
        assert!(!fits("json", expected, output), "{expected} {output}");
    }
    assert!(fits(
        "text",
        "X-Cache: HIT\nX-Response-Time: …ms\n",
        "x-response-time: 1.2ms\r\nx-cache: HIT\r\n"
    ));
    assert!(fits("text", "200\n200\n", "200\n200\n200\n"));
    assert!(!fits("text", "200\n200\n", "200\n429\n"));
    assert!(!fits("text", "X-Cache: HIT\n", "X-Cache: HITS\n"));
}
