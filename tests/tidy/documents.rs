//! Checks that documents list exactly the codes, variables, tests, paths and folders that exist.

use crate::source::{files, read, root};
use std::collections::BTreeSet;

#[test]
fn api_page_lists_every_problem_code() {
    let document = read("docs/API.md");
    for code in exodrive::routes::problems::Code::ALL {
        let retryable = if code.is_retryable() { "yes" } else { "no" };
        let row = format!(
            "| `{}` | {} | {retryable} |",
            code.name(),
            code.status().as_u16()
        );
        assert!(document.contains(&row), "docs/API.md lacks the row {row}");
    }
}

#[test]
fn every_variable_is_documented() {
    let document = read("docs/CONFIGURATION.md");
    let example = read(".env.example");
    for variable in exodrive::config::VARIABLES {
        let row = format!(
            "| `{}` | {} | {} | {} | {} |",
            variable.name,
            variable.meaning,
            variable.default,
            variable.host,
            if variable.is_secret { "yes" } else { "no" },
        );
        assert!(
            document.contains(&row),
            "docs/CONFIGURATION.md lacks the row\n{row}"
        );
        let is_shown = example.lines().any(|line| {
            line.trim_start_matches("# ")
                .starts_with(&format!("{}=", variable.name))
        });
        assert!(is_shown, ".env.example lacks {}", variable.name);
    }
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), exodrive::config::VARIABLES.len());
}

/// The local PayPal sends every event that matters, and the document subscribes to the same.
#[test]
fn subscribed_events_are_those_of_local_paypal() {
    let section = read("docs/DEPLOY.md");
    let section = section.split("### Events").nth(1).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let subscribed: BTreeSet<&str> = rows.map(|row| code_in(row).next().unwrap()).collect();
    let events = read("hosts/local/src/paypal/webhooks/events.rs");
    let names = events.split("#[serde(rename = \"").skip(1);
    let sent: BTreeSet<&str> = names
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| name.contains('.'))
        .collect();
    assert_eq!(subscribed, sent);
}

#[test]
fn pitfalls_name_existing_tests() {
    assert_named_tests_exist("docs/PITFALLS.md");
}

#[test]
fn outages_name_existing_tests() {
    assert_named_tests_exist("docs/RELIABILITY.md");
}

/// Asserts that each row of the document's tables names existing tests in its last column.
#[track_caller]
fn assert_named_tests_exist(document: &str) {
    let tests = test_names();
    let text = read(document);
    let lines: Vec<&str> = text.lines().collect();
    let mut rows = 0;
    for (above, row) in lines.iter().zip(&lines[1..]) {
        let is_row = row.starts_with("| ") && !row.contains("|---");
        // A table's first line is its heading.
        if !is_row || !above.starts_with('|') {
            continue;
        }
        rows += 1;
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let named: Vec<&str> = code_in(last).collect();
        assert!(!named.is_empty(), "no test is named in: {row}");
        for name in named {
            let function = name.rsplit("::").next().unwrap();
            assert!(
                tests.contains(function),
                "{document} names the test {name}, which does not exist"
            );
        }
    }
    assert!(rows > 0, "{document} has no rows");
}

/// The names of all Rust tests that run.
fn test_names() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in ["lib", "hosts", "ops", "tests"] {
        for file in files(folder, "rs") {
            let text = read(&file);
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if line.starts_with("#[ignore") {
                    is_test = false;
                } else if let Some((_, rest)) = line.split_once("fn ") {
                    if is_test {
                        let name = rest.split(['(', '<']).next().unwrap();
                        tests.insert(name.to_owned());
                    }
                    is_test = false;
                }
            }
        }
    }
    tests
}

/// The texts between backticks.
fn code_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Paths in documents begin at the root of the repository.
#[test]
fn documents_name_existing_paths() {
    let folders = [
        "api/",
        "benches/",
        "docs/",
        "hosts/",
        "lib/",
        "migrations/",
        "ops/",
        "public/",
        "script/",
        "seed/",
        "supabase/",
        "tests/",
    ];
    let mut missing = Vec::new();
    let mut documents = files("docs", "md");
    documents.extend(["README.md", "CONTRIBUTING.md"].map(ToOwned::to_owned));
    for document in documents {
        for line in read(&document).lines() {
            for name in code_in(line) {
                let path = name.split_whitespace().next().unwrap_or_default();
                let is_path = folders.iter().any(|folder| path.starts_with(folder));
                let is_pattern = path.contains(['*', '{', '<', '$', '…']) || path.contains("NAME");
                if is_path && !is_pattern && !root().join(path).exists() {
                    missing.push(format!("{document} names {path}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The code map of ARCHITECTURE.md has one row for each folder of the product.
#[test]
fn code_map_lists_every_folder() {
    let text = read("docs/ARCHITECTURE.md");
    let map = text
        .split("## Code map")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let listed: BTreeSet<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .collect();
    let mut expected = BTreeSet::new();
    for folder in [
        "hosts",
        "lib/src",
        "lib/src/clients",
        "lib/src/flows",
        "lib/src/routes",
    ] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() && name != "tests" {
                expected.insert(format!("{folder}/{name}/"));
            }
        }
    }
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let missing: Vec<_> = expected.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "docs/ARCHITECTURE.md has no row for {missing:?}"
    );
    for path in listed {
        assert!(
            root().join(path).exists(),
            "{path} is not in the repository"
        );
    }
}
