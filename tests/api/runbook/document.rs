//! The commands and expected outputs of the runbook.

use super::expected_answer::ExpectedOutput;
use std::{collections::BTreeSet, fs};

/// A command, and its expected output.
#[derive(Debug)]
pub(super) struct Step {
    /// The line of the command in the page.
    pub(super) line: usize,
    pub(super) command: String,
    pub(super) expected: ExpectedOutput,
    /// `NAME=value` in the service's environment. The block begins with `# with NAME=value`.
    pub(super) switch: Option<String>,
}

struct Block {
    line: usize,
    language: String,
    text: String,
}

/// All commands that call the service or its Redis, in order.
pub(super) fn steps() -> Vec<Step> {
    let mut blocks = blocks().into_iter();
    let mut steps = Vec::new();
    while let Some(block) = blocks.next() {
        if block.language != "bash" {
            let is_manual = block.language == "sh" && !block.text.contains("curl");
            assert!(is_manual, "line {}: no test runs this block", block.line);
            continue;
        }
        let output = blocks.next().filter(|output| output.language != "bash");
        let output = output.unwrap_or_else(|| panic!("line {}: no output follows", block.line));
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
            expected: ExpectedOutput::parse(&output.language, &output.text),
            switch,
        });
    }
    steps
}

/// The first block, which sets the variables.
pub(super) fn setup_script() -> String {
    let block = blocks().into_iter().next().unwrap();
    assert_eq!(block.language, "sh");
    block.text
}

/// The names of the variables that a script sets, or reads as `$NAME`.
pub(super) fn variable_names(script: &str) -> BTreeSet<String> {
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

/// The method and path of each request of a command to the service.
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
    assert!(!is_open, "the last block is not closed");
    blocks
}

#[test]
fn calls_have_method_and_path() {
    let command = "for i in 1 2; do curl -s \"$BASE_URL/api/cars?page=1\"; done\n\
                   curl -sI \"$BASE_URL/api/cars\" | grep x\n\
                   curl -X PUT \"$BASE_URL/a\" \\\n -d x\n\
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
fn names_include_set_and_read_variables() {
    let found = variable_names("export A=1 B_C=$(x)\ncurl \"$BASE_URL/a?b=c\" $i");
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["A", "BASE_URL", "B_C"]
    );
}
