//! What a database says about itself: `public.schema_migrations`.

use super::{SqlFile, plan::Listed};
use crate::error::Error;
use tokio_postgres::{Client, types::Type};

/// Reads what is listed. A database without the table lists nothing, a table without checksums knows no text.
pub(super) async fn read(client: &Client) -> Result<Listed, Error> {
    let failed = || Error::database("read public.schema_migrations");
    let exists = "SELECT pg_catalog.to_regclass('public.schema_migrations') IS NOT NULL";
    let row = client
        .query_typed_one(exists, &[])
        .await
        .map_err(failed())?;
    if !row.get::<_, bool>(0) {
        return Ok(Listed::new());
    }
    // The column may be missing, and then reads as NULL.
    let listed = "SELECT m.version, pg_catalog.to_jsonb(m) ->> 'checksum' FROM public.schema_migrations AS m";
    let rows = client.query_typed(listed, &[]).await.map_err(failed())?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Forgets the texts of files that are about to be applied, so that what does not get to its end is taken up again.
pub(super) async fn forget(client: &Client, stems: &[&str]) -> Result<(), Error> {
    let update = "UPDATE public.schema_migrations SET checksum = NULL WHERE version = ANY ($1)";
    client
        .query_typed(update, &[(&stems, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::database("write public.schema_migrations"))?;
    Ok(())
}

/// Stores the text of a file that was applied.
pub(super) async fn record(client: &Client, file: &SqlFile) -> Result<(), Error> {
    let update =
        "UPDATE public.schema_migrations SET checksum = $2 WHERE version = $1 RETURNING true";
    let updated = client
        .query_typed_opt(
            update,
            &[(&file.stem(), Type::TEXT), (&file.checksum(), Type::TEXT)],
        )
        .await
        .map_err(Error::database("write public.schema_migrations"))?;
    match updated {
        Some(_) => Ok(()),
        None => Err(Error::NotRegistered {
            file: file.name().to_owned(),
        }),
    }
}
