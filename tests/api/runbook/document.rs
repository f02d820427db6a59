//! Reading the page.

use super::expected_answer::Expected;
use std::{collections::BTreeSet, fs};

/// A command, and what it is answered.
#[derive(Debug)]
pub(super) struct Step {
    /// Where the command begins.
    pub(super) line: usize,
    pub(super) command: String,
    pub(super) expected: Expected,
    /// `NAME=value` that the service must have been started with: the block says `# with NAME=value` first.
    pub(super) switch: Option<String>,
}

struct Block {
    line: usize,
    language: String,
    text: String,
}

/// All commands that call the service or its Redis, in their order.
pub(super) fn steps() -> Vec<Step> {
    let mut blocks = blocks().into_iter();
    let mut steps = Vec::new();
    while let Some(block) = blocks.next() {
        if block.language != "bash" {
            let is_the_operators = block.language == "sh" && !block.text.contains("curl");
            assert!(is_the_operators, "line {}: nobody runs this", block.line);
            continue;
        }
        let response = blocks.next().filter(|response| response.language != "bash");
        let response = response.unwrap_or_else(|| panic!("line {}: no answer follows", block.line));
        let (switch, command) = match block.text.strip_prefix("# with ") {
            Some(text) => text
                .split_once('\n')
                .map(|(switch, command)| (Some(switch.to_owned()), command.to_owned()))
                .unwrap(),
            None => (None, block.text),
        };
        steps.push(Step {
            line: block.line,
            command,
            expected: Expected::read(&response.language, &response.text),
            switch,
        });
    }
    steps
}

/// The block that says which variables to set.
pub(super) fn set_up() -> String {
    let block = blocks().into_iter().next().unwrap();
    assert_eq!(block.language, "sh");
    block.text
}

/// The names in capitals of a script: what it sets, or reads as `$NAME`.
pub(super) fn names(script: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    let read = script.split('$').skip(1).map(|rest| {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        &rest[..end]
    });
    let set = script.split_whitespace().filter_map(|word| {
        let (name, _) = word.split_once('=')?;
        name.chars().all(is_part).then_some(name)
    });
    read.chain(set)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Method and path of every request of a command to the service.
pub(super) fn calls(command: &str) -> Vec<(String, String)> {
    let requests = command.split("curl ").skip(1);
    requests
        .filter_map(|request| {
            let (_, target) = request.split_once("\"$BASE_URL")?;
            let end = target.find(['"', '?'])?;
            let words: Vec<&str> = request.split_whitespace().collect();
            let method = match words.iter().position(|word| *word == "-X") {
                Some(at) => words[at + 1],
                None if words.contains(&"-d") => "POST",
                None if words.contains(&"-I") || words.contains(&"-sI") => "HEAD",
                None => "GET",
            };
            Some((method.to_owned(), target[..end].to_owned()))
        })
        .collect()
}

fn blocks() -> Vec<Block> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/RUNBOOK.md")).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (at, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(language) if !is_open => blocks.push(Block {
                line: at + 2,
                language: language.to_owned(),
                text: String::new(),
            }),
            None if is_open => {
                let block = blocks.last_mut().unwrap();
                block.text += line;
                block.text.push('\n');
            }
            _ => {}
        }
        is_open ^= line.starts_with("```");
    }
    assert!(!is_open, "the last block has no end");
    blocks
}

#[test]
fn a_call_is_a_method_and_a_path() {
    let command = "for i in 1 2; do curl -s \"$BASE_URL/api/cars?page=1\"; done\n\
                   curl -sI \"$BASE_URL/api/cars\" | grep x\ncurl -X PUT \"$BASE_URL/a\" \\\n -d x\n\
                   curl -d '{}' \"$BASE_URL/b\"; curl \"$OTHER/c\"";
    let found = calls(command);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(method, path)| (method.as_str(), path.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("GET", "/api/cars"),
            ("HEAD", "/api/cars"),
            ("PUT", "/a"),
            ("POST", "/b")
        ]
    );
}

#[test]
fn names_are_those_that_are_set_or_read() {
    let found = names("export A=1 B_C=$(x)\ncurl \"$BASE_URL/a?b=c\" $i");
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["A", "BASE_URL", "B_C"]
    );
}
