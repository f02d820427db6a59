//! Checks the length of files.

use crate::source::{files, read};

/// Nobody reads a longer file to its end.
const MAX_RUST_LINES: usize = 600;
const MAX_SQL_LINES: usize = 400;
const MAX_API_FILE_LINES: usize = 10;

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for (folder, extension, limit) in [
        ("api", "rs", MAX_API_FILE_LINES),
        ("lib", "rs", MAX_RUST_LINES),
        ("hosts", "rs", MAX_RUST_LINES),
        ("ops", "rs", MAX_RUST_LINES),
        ("tests", "rs", MAX_RUST_LINES),
        ("benches", "rs", MAX_RUST_LINES),
        ("migrations", "sql", MAX_SQL_LINES),
        ("seed", "sql", MAX_SQL_LINES),
    ] {
        for file in files(folder, extension) {
            let lines = read(&file).lines().count();
            if lines > limit {
                long.push(format!("{file} has {lines} lines, {limit} at most"));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}
