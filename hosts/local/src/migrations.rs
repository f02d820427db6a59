//! Brings a database up to date: `migrations/*.sql` in order of their names, then `seed/*.sql`.
//!
//! The same files run with `psql -f`; each lists itself in `schema_migrations` and does no harm the second time.

use crate::{console, error::Error};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tokio_postgres::{Client, NoTls};

/// Whose database it is.
pub(crate) enum Ownership {
    /// Ours: PostgREST's role gets this password, and the seed is always applied.
    Private { authenticator_password: String },
    /// Somebody's: the seed is applied only when it holds no cars.
    Foreign,
}

/// Applies what is missing to the database at `url`.
pub(crate) async fn apply(root: &Path, url: &str, ownership: &Ownership) -> Result<(), Error> {
    let database = match ownership {
        Ownership::Private { .. } => "the private database",
        Ownership::Foreign => "the database that DATABASE_URL names",
    };
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .map_err(failed(format!("connect to {database}")))?;
    let connection = tokio::spawn(connection);
    let applied = apply_with(&client, root, ownership).await;
    drop(client);
    // The connection ends with its client; an error on the way out was already the client's.
    let _ = connection.await;
    applied
}

async fn apply_with(client: &Client, root: &Path, ownership: &Ownership) -> Result<(), Error> {
    let known = known_versions(client).await?;
    for file in sql_files(&root.join("migrations"))? {
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !known.contains(&stem) {
            console::log(&format!("migration {stem}"));
            run(client, &file).await?;
        }
    }
    match ownership {
        Ownership::Private {
            authenticator_password,
        } => {
            // Hexadecimal by construction, so nothing in it needs quoting.
            let statement = format!("ALTER ROLE authenticator PASSWORD '{authenticator_password}'");
            client
                .batch_execute(&statement)
                .await
                .map_err(failed("give PostgREST its password"))?;
        }
        Ownership::Foreign if has_cars(client).await? => return Ok(()),
        Ownership::Foreign => {}
    }
    for file in sql_files(&root.join("seed"))? {
        run(client, &file).await?;
    }
    Ok(())
}

async fn known_versions(client: &Client) -> Result<BTreeSet<String>, Error> {
    let failed = || failed("read schema_migrations");
    let row = client
        .query_one(
            "SELECT to_regclass('public.schema_migrations') IS NOT NULL",
            &[],
        )
        .await
        .map_err(failed())?;
    if !row.get::<_, bool>(0) {
        return Ok(BTreeSet::new());
    }
    let rows = client
        .query("SELECT version FROM public.schema_migrations", &[])
        .await
        .map_err(failed())?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn has_cars(client: &Client) -> Result<bool, Error> {
    let row = client
        .query_one("SELECT EXISTS (SELECT FROM public.cars)", &[])
        .await
        .map_err(failed("look for cars"))?;
    Ok(row.get(0))
}

async fn run(client: &Client, file: &Path) -> Result<(), Error> {
    let sql = fs::read_to_string(file).map_err(Error::io(format!("read {}", file.display())))?;
    client
        .batch_execute(&sql)
        .await
        .map_err(failed(format!("apply {}", file.display())))
}

fn sql_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = || Error::io(format!("read {}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn failed(what: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Error {
    let what = what.into();
    move |source| Error::Database { what, source }
}
