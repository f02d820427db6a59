//! Checks that the tests of `tests/sql` and `tests/api` share code through `support` alone.

use crate::{
    imports::{imports, modules_below, resolve},
    source::{read, root},
};

#[test]
fn tests_import_support_only() {
    let mut violations = Vec::new();
    for tests in ["tests/sql", "tests/api"] {
        let modules = modules_below(tests);
        for (module, file) in &modules {
            for path in imports(module, file) {
                let target = resolve(&path, &modules).map(|target| &modules[&target]);
                if let Some(target) = target
                    && target != file
                    && !may_import(tests, file, target)
                {
                    violations.push(format!("{file} imports {target}"));
                }
            }
        }
    }
    assert_eq!(violations, [""; 0]);
}

/// A file may import `support`, and the files of its own folder that hold no product tests.
/// `support` imports only itself.
fn may_import(tests: &str, file: &str, target: &str) -> bool {
    let support = format!("{tests}/support/");
    if file.starts_with(&support) || target.starts_with(&support) {
        return target.starts_with(&support);
    }
    let (folder, _) = target.rsplit_once('/').unwrap();
    let is_own_folder = folder != tests && file.starts_with(&format!("{folder}/"));
    is_own_folder && !has_tests(target)
}

/// Product tests are async. A file with only `#[test]`, which tests its helpers, may be imported.
fn has_tests(file: &str) -> bool {
    read(file).contains("\n#[tokio::test")
}

#[test]
fn other_test_files_and_folders_are_refused() {
    let file = "tests/sql/payments/refund_attempts.rs";
    for (target, expected) in [
        ("tests/sql/support/refund.rs", true),
        ("tests/sql/payments/mod.rs", true),
        ("tests/sql/payments/refunds.rs", false),
        ("tests/sql/webhooks/mod.rs", false),
        ("tests/sql/main.rs", false),
    ] {
        assert!(root().join(target).exists(), "{target}");
        assert_eq!(may_import("tests/sql", file, target), expected, "{target}");
    }
    let support = "tests/sql/support/refund.rs";
    assert!(!may_import("tests/sql", support, file));
}
