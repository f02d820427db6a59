//! A folder with migrations, removed on drop.

use crate::database::random_id;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The migrations of the repository.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations")
}

/// The stems of the repository's dated files, in order.
pub(crate) fn dated_stems() -> Vec<String> {
    let mut stems = stems();
    stems.retain(|stem| !stem.starts_with("functions/"));
    stems
}

/// The stems of the repository's files of functions, in order.
pub(crate) fn function_stems() -> Vec<String> {
    let mut stems = stems();
    stems.retain(|stem| stem.starts_with("functions/"));
    stems
}

/// The stems of the repository's migrations, in the order in which `apply.sql` includes them.
pub(crate) fn stems() -> Vec<String> {
    let script = fs::read_to_string(checkout().join("apply.sql")).unwrap();
    script
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("\\ir "))
        .map(|file| file.strip_suffix(".sql").unwrap().to_owned())
        .collect()
}

/// A folder for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        let path = std::env::temp_dir().join(format!("exodrive-ops-{}", random_id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A folder with `1_base`, which creates the registries and the table `trace`. Other files
    /// write entries to `trace`, so that tests see what ran.
    pub(crate) fn with_base() -> Self {
        let folder = Self::empty();
        folder.write_migration(
            "1_base",
            "CREATE TABLE IF NOT EXISTS public.schema_migrations (version text PRIMARY KEY, checksum text);\n\
             CREATE SCHEMA IF NOT EXISTS internal;\n\
             CREATE TABLE IF NOT EXISTS internal.schema_functions (name text, checksum text, catalogue text);\n\
             CREATE TABLE IF NOT EXISTS public.trace (id serial, entry text);",
        );
        folder
    }

    /// A folder with a copy of the repository's migrations.
    pub(crate) fn with_checkout() -> Self {
        let folder = Self::empty();
        fs::create_dir(folder.0.join("functions")).unwrap();
        for stem in stems() {
            let name = format!("{stem}.sql");
            fs::copy(checkout().join(&name), folder.0.join(&name)).unwrap();
        }
        folder
    }

    /// Writes a dated file: one transaction, which registers itself.
    pub(crate) fn write_migration(&self, stem: &str, statements: &str) {
        self.write(
            &format!("{stem}.sql"),
            &format!(
                "BEGIN;\n{statements}\nINSERT INTO public.schema_migrations (version) VALUES ('{stem}') ON CONFLICT DO NOTHING;\nCOMMIT;\n"
            ),
        );
    }

    /// Writes a dated file that inserts `entry` into `trace`.
    pub(crate) fn write_trace(&self, stem: &str, entry: &str) {
        self.write_migration(
            stem,
            &format!("INSERT INTO public.trace (entry) VALUES ('{entry}');"),
        );
    }

    /// Writes a file of functions that inserts `entry` into `trace`.
    pub(crate) fn write_function_trace(&self, subject: &str, entry: &str) {
        self.write_functions(
            subject,
            &format!("INSERT INTO public.trace (entry) VALUES ('{entry}');\n"),
        );
    }

    /// Writes a file of functions.
    pub(crate) fn write_functions(&self, subject: &str, text: &str) {
        fs::create_dir_all(self.0.join("functions")).unwrap();
        self.write(&format!("functions/{subject}.sql"), text);
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.0.join(name)).unwrap();
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
