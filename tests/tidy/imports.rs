//! Finds the imports of Rust files: every path that begins with `crate`, `self` or `super`, outside
//! of test modules.

use crate::source::{files, read};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// A module's path below the crate, such as `["flows", "cache", "read"]`. Empty for `lib.rs`.
pub(crate) type Module = Vec<String>;

/// The files of the product by module, without its tests.
pub(crate) fn modules() -> BTreeMap<Module, String> {
    let mut modules = modules_below("lib/src");
    modules.retain(|_, file| !is_test(file));
    modules
}

/// The files of the crate whose root is in `folder`, by module.
pub(crate) fn modules_below(folder: &str) -> BTreeMap<Module, String> {
    files(folder, "rs")
        .into_iter()
        .map(|file| (module_of(folder, &file), file))
        .collect()
}

fn is_test(file: &str) -> bool {
    file.contains("/tests/")
        || file.ends_with("/tests.rs")
        || file.ends_with("_tests.rs")
        || ["lib/src/scripted.rs", "lib/src/stepped.rs"].contains(&file)
}

fn module_of(folder: &str, file: &str) -> Module {
    let path = file.trim_start_matches(folder).trim_end_matches(".rs");
    let names = path.split('/').skip(1);
    let mut module: Module = names.map(ToOwned::to_owned).collect();
    if matches!(
        module.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        module.pop();
    }
    module
}

/// The paths that a file uses, as paths below the crate.
pub(crate) fn imports(module: &Module, file: &str) -> BTreeSet<Vec<String>> {
    let mut imports = Imports {
        module: module.clone(),
        paths: BTreeSet::new(),
    };
    imports.visit_file(&syn::parse_file(&read(file)).unwrap());
    imports.paths
}

/// The modules whose files `module` imports. Its ancestors and descendants do not count, because
/// paths to other modules lead through them.
pub(crate) fn imported_modules(
    module: &Module,
    file: &str,
    modules: &BTreeMap<Module, String>,
) -> BTreeSet<Module> {
    imports(module, file)
        .into_iter()
        .filter_map(|path| resolve(&path, modules))
        .filter(|target| !module.starts_with(target) && !target.starts_with(module))
        .collect()
}

/// The module of `modules` that a path leads to: the longest of its beginnings.
pub(crate) fn resolve(path: &[String], modules: &BTreeMap<Module, String>) -> Option<Module> {
    (1..=path.len())
        .rev()
        .map(|length| path[..length].to_vec())
        .find(|candidate| modules.contains_key(candidate))
}

struct Imports {
    module: Module,
    paths: BTreeSet<Vec<String>>,
}

impl Imports {
    fn add(&mut self, path: &[String]) {
        let mut base = self.module.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                rest = &path[1..];
            }
            Some("self" | "super") => {
                while let Some((first, others)) = rest.split_first() {
                    match first.as_str() {
                        "self" => {}
                        "super" => drop(base.pop()),
                        _ => break,
                    }
                    rest = others;
                }
            }
            _ => return,
        }
        base.extend_from_slice(rest);
        self.paths.insert(base);
    }

    fn add_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            syn::UseTree::Path(path) => {
                self.add_tree(&with(path.ident.to_string()), &path.tree);
            }
            syn::UseTree::Name(name) => self.add(&with(name.ident.to_string())),
            syn::UseTree::Rename(rename) => self.add(&with(rename.ident.to_string())),
            syn::UseTree::Glob(_) => self.add(prefix),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(prefix, tree);
                }
            }
        }
    }
}

fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|condition| condition == "test")
    })
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_test_only(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test_only(&item.attrs) {
            self.add_tree(&[], &item.tree);
        }
    }

    /// `pub(super)` names a module without importing it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }

    /// Finds the paths in a macro's text, because its body is no syntax tree.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let text = call.tokens.to_string().replace(" :: ", "::");
        let words = text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':'));
        for word in words.filter(|word| word.contains("::")) {
            let path: Vec<String> = word.split("::").map(ToOwned::to_owned).collect();
            self.add(&path);
        }
        visit::visit_macro(self, call);
    }
}

#[test]
fn every_form_of_import_is_found() {
    let text = "use crate::{a::{self, B as C}, d::*};\n\
                use super::e::F;\n\
                #[cfg(test)] use crate::test_only::X;\n\
                #[cfg(test)] mod tests { use crate::test_only::Y; }\n\
                pub(in crate::visible) fn f() -> crate::g::H { super::super::i::j(vec![self::k::L]) }";
    let mut imports = Imports {
        module: vec!["m".into(), "n".into()],
        paths: BTreeSet::new(),
    };
    imports.visit_file(&syn::parse_str(text).unwrap());
    let found: Vec<String> = imports.paths.iter().map(|path| path.join("::")).collect();
    let expected = [
        "a::B",
        "a::self",
        "d",
        "g::H",
        "i::j",
        "m::e::F",
        "m::n::k::L",
    ];
    assert_eq!(found, expected);
}
