//! Checks the files and lists that follow from the table of routes.
//!
//! `script/generate` writes the functions in `api/`, their binaries in `Cargo.toml` and the
//! rewrites in `vercel.json`. A test compares them with the table.

use crate::source::{files, read, root};
use exodrive::routes::{Route, TABLE};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
};

const BINARY_MARKS: [&str; 2] = [
    "# The functions of api/, written by script/generate.\n",
    "# The end of the functions.\n",
];
const REWRITE_MARKS: [&str; 2] = ["\"rewrites\": [\n", "  ],\n"];
/// The function for every other path below /api. Without it, Vercel would answer with its own page.
const NOT_FOUND: &str = "not-found";

/// The files that follow from the table, with their texts.
fn generated() -> BTreeMap<String, String> {
    let names: Vec<&str> = TABLE.iter().map(|route| route.name).collect();
    let functions = TABLE
        .iter()
        .map(|route| (route.name, format!("`{}`", route.path)));
    let functions = functions.chain([(NOT_FOUND, "every path that is no route".to_owned())]);
    let mut files: BTreeMap<String, String> = functions
        .map(|(name, purpose)| {
            let text = format!(
                "//! The function behind {purpose}. Written by script/generate.\n\n\
                 fn main() -> std::process::ExitCode {{\n    exodrive_vercel::serve(\"{name}\")\n}}\n"
            );
            (format!("api/{name}.rs"), text)
        })
        .collect();
    let binaries: Vec<String> = names
        .iter()
        .chain([&NOT_FOUND])
        .map(|name| {
            let binary = name.replace('/', "-");
            format!("\n[[bin]]\nname = \"{binary}\"\npath = \"api/{name}.rs\"\n")
        })
        .collect();
    files.insert(
        "Cargo.toml".to_owned(),
        replace_between(
            "Cargo.toml",
            BINARY_MARKS,
            &format!("{}\n", binaries.concat()),
        ),
    );
    let rewrites = TABLE.iter().filter_map(rewrite);
    let rewrites = rewrites.chain([("/api(/.*)?".to_owned(), format!("/api/{NOT_FOUND}"))]);
    let rewrites: Vec<String> = rewrites
        .map(|(source, destination)| {
            format!("    {{ \"source\": \"{source}\", \"destination\": \"{destination}\" }}")
        })
        .collect();
    files.insert(
        "vercel.json".to_owned(),
        replace_between(
            "vercel.json",
            REWRITE_MARKS,
            &format!("{}\n", rewrites.join(",\n")),
        ),
    );
    files
}

/// The rewrite of a path with a parameter. The function finds the parameter in the query.
fn rewrite(route: &Route) -> Option<(String, String)> {
    let (start, rest) = route.path.split_once('{')?;
    let (parameter, end) = rest.split_once('}')?;
    Some((
        format!("{start}:{parameter}([^/]+){end}"),
        format!("/api/{}?{parameter}=:{parameter}", route.name),
    ))
}

/// The text of `file`, with `between` in place of the text between two marks.
fn replace_between(file: &str, [start, end]: [&str; 2], between: &str) -> String {
    let text = read(file);
    let (before, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("{file} lacks the line {start}"));
    let (_, after) = rest
        .split_once(end)
        .unwrap_or_else(|| panic!("{file} lacks the line {end}"));
    format!("{before}{start}{between}{end}{after}")
}

/// The routes that API.md describes, each as methods and path.
fn documented_routes() -> BTreeSet<String> {
    read("docs/API.md")
        .lines()
        .filter_map(|line| line.strip_prefix("## `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(heading, _)| heading.to_owned())
        .collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "script/generate sets UPDATE")]
fn every_route_is_complete() {
    let is_update = env::var("UPDATE").is_ok();
    let mut missing = Vec::new();
    for (file, text) in generated() {
        let path = root().join(&file);
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        if is_update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            println!("wrote: {file}");
        } else {
            missing.push(format!("{file} is not what script/generate writes"));
        }
    }
    for file in files("api", "rs") {
        if !generated().contains_key(&file) {
            missing.push(format!("{file} serves no route: delete it"));
        }
    }
    let documented = documented_routes();
    let tests: String = files("tests/api", "rs").iter().map(read).collect();
    let mut headings = BTreeSet::new();
    for route in TABLE {
        let heading = format!("{} {}", route.methods, route.path);
        if !documented.contains(&heading) {
            missing.push(format!("docs/API.md has no heading ## `{heading}`"));
        }
        headings.insert(heading);
        // The fixed end of the path, as a test writes it after an id.
        let end = route.path.rsplit('}').next().unwrap();
        if !tests.contains(&format!("{end}\"")) && !tests.contains(&format!("{end}?")) {
            missing.push(format!("tests/api has no request to {}", route.path));
        }
    }
    for heading in documented.difference(&headings) {
        missing.push(format!("docs/API.md names {heading}, which is no route"));
    }
    for line in &missing {
        println!("missing: {line}");
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_cron_calls_a_route() {
    let config: serde_json::Value = serde_json::from_str(&read("vercel.json")).unwrap();
    for cron in config["crons"].as_array().unwrap() {
        let path = cron["path"].as_str().unwrap();
        let is_route = TABLE
            .iter()
            .any(|route| route.path == path && route.methods.contains("GET"));
        assert!(is_route, "{path} is no route with GET");
    }
}
