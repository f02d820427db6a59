//! Puts the files of `migrations/` into the program, so that `exo` works without the checkout.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script in the environment where to read and where to write"
)]
fn main() -> Result<(), Box<dyn Error>> {
    // Of the run, not of the build: a target folder that is kept serves checkouts in several places.
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../migrations");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut list = String::from("&[\n");
    for entry in fs::read_dir(&folder)? {
        let path = fs::canonicalize(entry?.path())?;
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_name().and_then(|name| name.to_str());
            let (Some(name), Some(path)) = (name, path.to_str()) else {
                return Err(format!("{} is not UTF-8", path.display()).into());
            };
            writeln!(list, "    ({name:?}, include_str!({path:?})),")?;
        }
    }
    list.push_str("]\n");

    let output = env::var("OUT_DIR")?;
    fs::write(Path::new(&output).join("migrations.rs"), list)?;
    Ok(())
}
