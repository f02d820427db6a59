//! Checks the structure of `lib/src`: layers, import cycles, no I/O, a head in each file.

use crate::{
    imports::{Module, imported_modules, imports, modules},
    source::{files, read},
};
use std::collections::{BTreeMap, BTreeSet};

/// Each layer with the layers that it may import.
const LAYERS: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("platform", &[]),
    ("config", &["domain"]),
    ("clients", &["domain", "platform", "config"]),
    ("web", &["domain", "platform"]),
    ("instance", &["domain", "clients"]),
    (
        "app",
        &["domain", "platform", "config", "clients", "instance"],
    ),
    (
        "flows",
        &[
            "domain", "platform", "config", "clients", "web", "instance", "app",
        ],
    ),
    (
        "routes",
        &[
            "domain", "platform", "config", "clients", "web", "instance", "app", "flows",
        ],
    ),
];

#[test]
fn layers_import_downwards_only() {
    let mut violations = Vec::new();
    for (module, file) in modules() {
        let Some(layer) = module.first() else {
            continue;
        };
        let (_, allowed) = LAYERS
            .iter()
            .find(|(name, _)| name == layer)
            .unwrap_or_else(|| panic!("{file}: {layer} is not in the table of layers"));
        for path in imports(&module, &file) {
            let target = path.first().map_or("", String::as_str);
            let is_layer = LAYERS.iter().any(|(name, _)| *name == target);
            if is_layer && target != layer && !allowed.contains(&target) {
                violations.push(format!("{file} imports {}", path.join("::")));
            }
        }
    }
    assert_eq!(violations, [""; 0]);
}

#[test]
fn files_have_no_import_cycle() {
    let modules = modules();
    let edges: BTreeMap<Module, BTreeSet<Module>> = modules
        .iter()
        .map(|(module, file)| (module.clone(), imported_modules(module, file, &modules)))
        .collect();
    // Removes files that import no remaining file, until only cycles and their importers remain.
    let mut remaining: BTreeSet<&Module> = edges.keys().collect();
    loop {
        let before = remaining.len();
        let in_cycles = remaining.clone();
        remaining.retain(|module| {
            edges[*module]
                .iter()
                .any(|target| in_cycles.contains(target))
        });
        if remaining.len() == before {
            break;
        }
    }
    let files: Vec<&String> = remaining.iter().map(|module| &modules[*module]).collect();
    assert!(files.is_empty(), "in or above an import cycle: {files:#?}");
}

#[test]
fn product_has_no_io_of_its_own() {
    let manifest = read("lib/Cargo.toml");
    // Compares whole names. `rustls-webpki` only reads certificates, but `rustls` opens
    // connections.
    let names: BTreeSet<&str> = manifest
        .split(['.', ' ', '=', '"', '[', ']', '\n'])
        .collect();
    assert!(names.contains("rustls-webpki") && names.contains("serde"));
    for forbidden in ["tokio", "hyper", "reqwest", "getrandom", "rustls", "ring"] {
        assert!(
            !names.contains(forbidden),
            "lib/Cargo.toml names {forbidden}"
        );
    }
    for file in modules().values() {
        let text = read(file);
        assert!(
            !text.contains("cfg(target_arch"),
            "{file} depends on the target"
        );
    }
}

#[test]
fn every_module_has_a_head() {
    for file in modules().values() {
        assert!(
            read(file).starts_with("//! "),
            "{file} does not say what it is for"
        );
    }
}

/// A file without a `mod` line is not compiled, and its tests do not run.
#[test]
fn every_file_is_declared() {
    let mut undeclared = Vec::new();
    for folder in [
        "lib/src",
        "hosts/local/src",
        "hosts/native/src",
        "ops/src",
        "ops/tests/ops",
        "tests/api",
        "tests/sim",
        "tests/sql",
        "tests/tidy",
    ] {
        let all = files(folder, "rs");
        for file in &all {
            let (parent, name) = file.rsplit_once('/').unwrap();
            let (parent, name) = match name {
                "main.rs" | "lib.rs" => continue,
                "mod.rs" => parent.rsplit_once('/').unwrap(),
                _ => (parent, name.trim_end_matches(".rs")),
            };
            let beside = format!("{parent}.rs");
            let declares = |other: &&String| {
                let is_parent = **other == beside
                    || other
                        .rsplit_once('/')
                        .is_some_and(|(folder, _)| folder == parent);
                is_parent && {
                    let text = read(other);
                    text.contains(&format!("mod {name};"))
                        || text.contains(&format!("path = \"{name}.rs\""))
                }
            };
            if !all.iter().any(|other| declares(&other)) {
                undeclared.push(format!("{file} has no mod line"));
            }
        }
    }
    assert_eq!(undeclared, [""; 0]);
}
