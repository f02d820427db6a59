//! The rules of the house: who may use whom, and that the lists which must agree do agree.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a rule that cannot be checked is a rule that fails"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The lines of a file that are code: no comments, and nothing from the first test module on.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn names(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn lower_layers_do_not_know_higher_ones() {
    // Each layer, and what it must not name.
    let rules = [
        (
            "lib/src/domain",
            vec![
                "clients", "flows", "routes", "http", "app", "config", "platform", "problem",
            ],
        ),
        (
            "lib/src/clients",
            vec!["flows", "routes", "http", "app", "problem"],
        ),
        (
            "lib/src/http",
            vec!["clients", "flows", "routes", "app", "problem"],
        ),
        ("lib/src/flows", vec!["routes", "problem"]),
    ];
    for (folder, forbidden) in rules {
        for file in files(folder, "rs") {
            let code = code(&file);
            for layer in &forbidden {
                let direct = code.contains(&format!("crate::{layer}"));
                let grouped = code.split("use crate::{").skip(1).any(|group| {
                    group
                        .split("};")
                        .next()
                        .unwrap_or_default()
                        .lines()
                        .any(|line| {
                            let line = line.trim_start();
                            line.starts_with(&format!("{layer}::"))
                                || line.starts_with(&format!("{layer},"))
                        })
                });
                assert!(!direct && !grouped, "{} uses {layer}", names(&file));
            }
        }
    }
}

#[test]
fn the_product_does_no_io_of_its_own() {
    let manifest = read("lib/Cargo.toml");
    // Names are compared, not searched for: `rustls-webpki` reads certificates, and only `rustls` opens connections.
    let named: BTreeSet<&str> = manifest
        .split(['.', ' ', '=', '"', '[', ']', '\n'])
        .collect();
    assert!(named.contains("rustls-webpki") && named.contains("serde"));
    for forbidden in ["tokio", "hyper", "reqwest", "getrandom", "rustls", "ring"] {
        assert!(
            !named.contains(forbidden),
            "lib/Cargo.toml names {forbidden}"
        );
    }
    for file in files("lib/src", "rs") {
        assert!(
            !code(&file).contains("cfg(target_arch"),
            "{} depends on the target",
            names(&file)
        );
    }
}

#[test]
fn a_function_is_at_most_ten_lines() {
    for file in files("api", "rs") {
        assert!(
            fs::read_to_string(&file).unwrap().lines().count() <= 10,
            "{}",
            names(&file)
        );
    }
}

/// `name` and `path` of every route, and its methods.
fn routes() -> Vec<(&'static str, &'static str, &'static str)> {
    exodrive::routes::TABLE
        .iter()
        .map(|route| (route.name, route.path, route.methods))
        .collect()
}

#[test]
fn every_route_has_a_function_and_every_function_a_route() {
    let manifest = read("Cargo.toml");
    let mut expected = BTreeSet::new();
    for (name, path, _) in routes() {
        let file = format!("api/{name}.rs");
        assert!(
            read(&file).contains(&format!("serve(\"{name}\")")),
            "{file} does not serve {name}"
        );
        assert!(
            read(&file).contains(&format!("`{path}`")),
            "{file} does not name {path}"
        );
        let bin = format!(
            "[[bin]]\nname = \"{}\"\npath = \"{file}\"\n",
            name.replace('/', "-")
        );
        assert!(manifest.contains(&bin), "Cargo.toml lacks\n{bin}");
        expected.insert(file);
    }
    // What answers every other path below /api, where else Vercel would with an answer of its own.
    expected.insert("api/not-found.rs".to_owned());
    let found: BTreeSet<String> = files("api", "rs").iter().map(|file| names(file)).collect();
    assert_eq!(found, expected);
    assert_eq!(manifest.matches("[[bin]]").count(), expected.len());
}

#[test]
fn a_route_with_a_parameter_is_rewritten_to_its_function() {
    let config: serde_json::Value = serde_json::from_str(&read("vercel.json")).unwrap();
    let found: BTreeSet<(String, String)> = config["rewrites"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rewrite| {
            (
                rewrite["source"].as_str().unwrap().to_owned(),
                rewrite["destination"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected: BTreeSet<(String, String)> = routes()
        .into_iter()
        .filter_map(|(name, path, _)| {
            let (start, rest) = path.split_once('{')?;
            let (parameter, end) = rest.split_once('}')?;
            Some((
                format!("{start}:{parameter}([^/]+){end}"),
                format!("/api/{name}?{parameter}=:{parameter}"),
            ))
        })
        .chain([("/api(/.*)?".to_owned(), "/api/not-found".to_owned())])
        .collect();
    assert_eq!(found, expected);
    // The first that fits counts.
    assert_eq!(
        config["rewrites"].as_array().unwrap().last().unwrap()["source"],
        "/api(/.*)?"
    );
    for cron in config["crons"].as_array().unwrap() {
        let path = cron["path"].as_str().unwrap();
        assert!(
            routes()
                .iter()
                .any(|(_, of, methods)| *of == path && methods.contains("GET")),
            "{path}"
        );
    }
}

#[test]
fn the_contract_names_every_route_and_no_other() {
    let document = read("docs/API.md");
    let documented: BTreeSet<(String, String)> = document
        .lines()
        .filter_map(|line| line.strip_prefix("## `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(heading, _)| {
            let (methods, path) = heading.rsplit_once(' ').unwrap();
            (methods.to_owned(), path.to_owned())
        })
        .collect();
    let expected = routes()
        .into_iter()
        .map(|(_, path, methods)| (methods.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(documented, expected);
}

#[test]
fn the_contract_names_every_problem_code_with_its_status() {
    let document = read("docs/API.md");
    for code in exodrive::problem::Code::ALL {
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
fn every_variable_is_documented_as_it_is() {
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
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    assert_eq!(rows, exodrive::config::VARIABLES.len());
}

#[test]
fn migrations_register_themselves() {
    for file in dated_files() {
        let stem = file.strip_suffix(".sql").unwrap();
        let text = read(format!("migrations/{file}"));
        assert!(text.contains(&format!("'{stem}'")), "{stem}");
        // The pattern of Supabase's CLI; it skips every other file.
        let (date, _) = file.split_once('_').unwrap();
        assert!(date.bytes().all(|byte| byte.is_ascii_digit()), "{file}");
    }
    assert_eq!(
        fs::read_link(root().join("supabase/migrations")).unwrap(),
        Path::new("../migrations")
    );
}

/// The names of the dated files in `migrations/`, in order.
fn dated_files() -> Vec<String> {
    sql_names("migrations")
        .into_iter()
        .filter(|name| name != "apply.sql")
        .collect()
}

/// The names of the SQL files right in a folder, in order.
fn sql_names(folder: &str) -> Vec<String> {
    let paths = fs::read_dir(root().join(folder)).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|found| found == "sql"))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn psql_script_names_every_migration() {
    let script = read("migrations/apply.sql");
    let included: Vec<&str> = script
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("\\ir "))
        .collect();
    let dated = dated_files();
    assert_eq!(included[..dated.len()], dated);
    let last = ["triggers.sql", "privileges.sql", "validation.sql"];
    let mut functions = sql_names("migrations/functions");
    functions.retain(|name| !last.contains(&name.as_str()));
    let functions: Vec<String> = functions
        .iter()
        .map(String::as_str)
        .chain(last)
        .map(|name| format!("functions/{name}"))
        .collect();
    assert_eq!(included[dated.len()..], functions);
    for stem in dated
        .iter()
        .skip(1)
        .map(|file| file.strip_suffix(".sql").unwrap())
    {
        assert!(
            script.contains(&format!("WHERE version = '{stem}'")),
            "{stem}"
        );
    }
}

#[test]
fn sql_files_are_short() {
    for file in files("migrations", "sql")
        .into_iter()
        .chain(files("seed", "sql"))
    {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines", names(&file));
    }
}

/// Dated files are applied once. A function in two files would be the one of the last.
#[test]
fn functions_live_in_one_function_file() {
    let mut homes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files("migrations", "sql") {
        for function in created_functions(&fs::read_to_string(&file).unwrap()) {
            homes.entry(function).or_default().insert(names(&file));
        }
    }
    assert!(homes.contains_key("public.calculate_booking_price"));
    for (function, files) in homes {
        assert_eq!(files.len(), 1, "{function} is created in {files:?}");
        let home = files.first().unwrap();
        assert!(
            home.starts_with("migrations/functions/"),
            "{function} in {home}"
        );
    }
}

/// The names after `CREATE [OR REPLACE] FUNCTION` and `PROCEDURE`, schema and all, outside of line comments.
fn created_functions(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect();
    let code = code.join("\n").to_lowercase();
    let words: Vec<&str> = code.split_whitespace().collect();
    (0..words.len())
        .filter_map(|at| match &words[at..] {
            [
                "create",
                "or",
                "replace",
                "function" | "procedure",
                name,
                ..,
            ]
            | ["create", "function" | "procedure", name, ..] => name.split('(').next(),
            _ => None,
        })
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn functions_are_found_however_they_are_written() {
    let sql = "create function internal.a() RETURNS void\nCREATE  OR REPLACE\n FUNCTION public.B (x int)\n\
               -- CREATE FUNCTION public.c()\nCREATE PROCEDURE d(); DROP FUNCTION public.e();";
    assert_eq!(created_functions(sql), ["internal.a", "public.b", "d"]);
}

#[test]
fn every_pitfall_names_tests_that_exist() {
    tests_exist("docs/PITFALLS.md");
}

#[test]
fn every_outage_names_tests_that_exist() {
    tests_exist("docs/RELIABILITY.md");
}

/// Each row of the document's tables names tests in its last column, all of which there are.
#[track_caller]
fn tests_exist(document: &str) {
    let sources: String = ["lib", "hosts", "tests"]
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let table = read(document);
    let lines: Vec<&str> = table.lines().collect();
    let mut rows = 0;
    for (above, row) in lines.iter().zip(&lines[1..]) {
        let is_row = row.starts_with("| ") && !row.contains("|---");
        // A table's first line is its heading.
        if !is_row || !above.starts_with('|') {
            continue;
        }
        rows += 1;
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named in: {row}");
        for name in named {
            let function = name.rsplit("::").next().unwrap();
            assert!(
                sources.contains(&format!("fn {function}(")),
                "{name} of {row} does not exist"
            );
        }
    }
    assert!(rows > 0, "{document} has no rows");
}
