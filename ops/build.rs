//! Embeds the files of `migrations/` in the program, so that `exo` works without the checkout.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo names the folders of a build script in the environment"
)]
fn main() -> Result<(), Box<dyn Error>> {
    // Read at run time, because checkouts in several places may share one target folder.
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../migrations");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut list = String::from("&[\n");
    add(&folder, "", &mut list)?;
    add(&folder.join("functions"), "functions/", &mut list)?;
    list.push_str("]\n");

    let output = env::var("OUT_DIR")?;
    fs::write(Path::new(&output).join("migrations.rs"), list)?;
    Ok(())
}

/// Adds each `*.sql` file of a folder to the list, except `apply.sql`, the script for `psql`.
fn add(folder: &Path, prefix: &str, list: &mut String) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = fs::canonicalize(entry?.path())?;
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let (Some(name), Some(path)) = (name, path.to_str()) else {
            return Err(format!("{} is not UTF-8", path.display()).into());
        };
        if name != "apply.sql" {
            writeln!(list, "    (\"{prefix}{name}\", include_str!({path:?})),")?;
        }
    }
    Ok(())
}
