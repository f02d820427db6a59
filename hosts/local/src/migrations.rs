//! Applies the migrations, as `exo migrate` does, and then `seed/*.sql`.

use crate::{console, error::Error};
use exodrive_ops::{Address, Event, Migrations, SqlFile};
use std::path::Path;
use tokio_postgres::Client;

/// The owner of a database.
pub(crate) enum Ownership {
    /// The local system created the database. PostgREST's role gets this password, and the seed is
    /// always applied.
    Private { authenticator_password: String },
    /// The developer named the database in `DATABASE_URL`. The seed is applied only without cars.
    External,
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
            // The password is hexadecimal, so it needs no quoting.
            let statement = format!("ALTER ROLE authenticator PASSWORD '{authenticator_password}'");
            client
                .batch_execute(&statement)
                .await
                .map_err(failed("set PostgREST's password"))?;
        }
        Ownership::External if has_cars(&client).await? => return Ok(()),
        Ownership::External => {}
    }
    for file in SqlFile::read_folder(&root.join("seed"))? {
        file.run_transaction(&client).await?;
    }
    Ok(())
}

fn report(event: Event<'_>) {
    match event {
        Event::Waiting => console::log("another run applies migrations: waiting for it"),
        Event::Applying { stem, reason } => {
            console::log(&format!("migration {stem} ({reason})"));
        }
        Event::Retrying { stem } => {
            console::log(&format!(
                "migration {stem}: the tables are locked: trying again"
            ));
        }
        Event::Edited { stem } => console::log(&format!(
            "migration {stem}: its text changed after it was applied; it is not applied again"
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

fn failed(step: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Error {
    let step = step.into();
    move |source| Error::Database { step, source }
}
