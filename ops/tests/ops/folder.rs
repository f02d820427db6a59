//! A folder with migrations, removed when it is dropped.

use crate::database::random_id;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The migrations of the repository.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations")
}

/// The stems of the migrations of the repository, in order.
pub(crate) fn stems() -> Vec<String> {
    let mut stems: Vec<_> = fs::read_dir(checkout())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    stems.sort();
    stems
}

/// A folder of its own for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        let path = std::env::temp_dir().join(format!("exodrive-ops-{}", random_id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// With `1_base`, which makes the list of migrations and a table `trace` in which others leave what they did.
    pub(crate) fn with_base() -> Self {
        let folder = Self::empty();
        folder.migration(
            "1_base",
            "CREATE TABLE IF NOT EXISTS public.schema_migrations (version text PRIMARY KEY, checksum text);\n\
             CREATE TABLE IF NOT EXISTS public.trace (id serial, what text);",
        );
        folder
    }

    /// With a copy of the migrations of the repository.
    pub(crate) fn with_checkout() -> Self {
        let folder = Self::empty();
        for stem in stems() {
            let name = format!("{stem}.sql");
            fs::copy(checkout().join(&name), folder.0.join(&name)).unwrap();
        }
        folder
    }

    /// Writes a migration as the house writes them: one transaction, which lists itself.
    pub(crate) fn migration(&self, stem: &str, statements: &str) {
        self.write(
            &format!("{stem}.sql"),
            &format!(
                "BEGIN;\n{statements}\nINSERT INTO public.schema_migrations (version) VALUES ('{stem}') ON CONFLICT DO NOTHING;\nCOMMIT;\n"
            ),
        );
    }

    /// Writes a migration that leaves `what` in `trace`.
    pub(crate) fn trace(&self, stem: &str, what: &str) {
        self.migration(
            stem,
            &format!("INSERT INTO public.trace (what) VALUES ('{what}');"),
        );
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
