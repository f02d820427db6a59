//! Rules for the SQL files: each registers itself, `apply.sql` includes all of them, and each
//! function is created in one file.

use crate::source::{files, read, root};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

#[test]
fn migrations_register_themselves() {
    for file in dated_files() {
        let stem = file.strip_suffix(".sql").unwrap();
        let text = read(format!("migrations/{file}"));
        assert!(text.contains(&format!("'{stem}'")), "{stem}");
        // Supabase's CLI skips every file with another name.
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

/// The names of the SQL files directly in a folder, in order.
fn sql_names(folder: &str) -> Vec<String> {
    let paths = fs::read_dir(root().join(folder)).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
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

/// Dated files are applied once. If two files created a function, the last applied one would win.
#[test]
fn functions_live_in_one_function_file() {
    let mut files_by_function: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files("migrations", "sql") {
        for function in created_functions(&read(&file)) {
            files_by_function
                .entry(function)
                .or_default()
                .insert(file.clone());
        }
    }
    assert!(files_by_function.contains_key("public.calculate_booking_price"));
    for (function, files) in files_by_function {
        assert_eq!(files.len(), 1, "{function} is created in {files:?}");
        let file = files.first().unwrap();
        assert!(
            file.starts_with("migrations/functions/"),
            "{function} in {file}"
        );
    }
}

/// The names after `CREATE [OR REPLACE] FUNCTION` and `PROCEDURE`, with their schema. Line comments
/// are skipped.
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
fn created_functions_are_found_in_any_spelling() {
    let sql = "create function internal.a() RETURNS void\nCREATE  OR REPLACE\n FUNCTION public.B (x int)\n\
               -- CREATE FUNCTION public.c()\nCREATE PROCEDURE d(); DROP FUNCTION public.e();";
    assert_eq!(created_functions(sql), ["internal.a", "public.b", "d"]);
}
