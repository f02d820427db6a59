//! Brings a database up to date: the migrations, as `exo migrate` applies them, then `seed/*.sql`.

use crate::{console, error::Error};
use exodrive_ops::{Address, Event, Migrations, SqlFile};
use std::path::Path;
use tokio_postgres::Client;

/// The owner of a database.
pub(crate) enum Ownership {
    /// The local system's own. PostgREST's role gets this password, and the seed is always applied.
    Private { authenticator_password: String },
    /// Another's. The seed is applied only to a database without cars.
    Foreign,
}

/// Applies the missing files to the database at `url`.
pub(crate) async fn apply(root: &Path, url: &str, ownership: &Ownership) -> Result<(), Error> {
    let client = Address::parse(url, None)?.connect().await?;
    let migrations = Migrations::read(&root.join("migrations"))?;
    migrations.apply(&client, &report).await?;
    match ownership {
        Ownership::Private {
            authenticator_password,
        } => {
            // Hexadecimal by construction, so nothing in it needs quoting.
            let statement = format!("ALTER ROLE authenticator PASSWORD '{authenticator_password}'");
            client
                .batch_execute(&statement)
                .await
                .map_err(failed("set PostgREST's password"))?;
        }
        Ownership::Foreign if has_cars(&client).await? => return Ok(()),
        Ownership::Foreign => {}
    }
    for file in SqlFile::read_folder(&root.join("seed"))? {
        file.run(&client).await?;
    }
    Ok(())
}

fn report(event: Event<'_>) {
    match event {
        Event::Waiting => console::log("another run applies migrations: waiting for it"),
        Event::Applying { version, reason } => {
            console::log(&format!("migration {version} ({reason})"));
        }
        Event::Retrying { version } => {
            console::log(&format!(
                "migration {version}: the tables are locked: trying again"
            ));
        }
        Event::Edited { version } => console::log(&format!(
            "migration {version}: its text changed after it was applied; it is not applied again"
        )),
    }
}

async fn has_cars(client: &Client) -> Result<bool, Error> {
    let row = client
        .query_one("SELECT EXISTS (SELECT FROM public.cars)", &[])
        .await
        .map_err(failed("look for cars"))?;
    Ok(row.get(0))
}

fn failed(what: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Error {
    let what = what.into();
    move |source| Error::Database { what, source }
}
