//! The registry of a database: `public.schema_migrations` lists the dated files,
//! `internal.schema_functions` the files of `functions/`.

use super::SqlFile;
use crate::error::Error;
use std::collections::BTreeMap;
use tokio_postgres::{Client, types::Type};

/// An SQL expression: the digest of every function and trigger in the product's schemas. Functions
/// of extensions do not count.
const CATALOGUE: &str = "(
    SELECT pg_catalog.md5(coalesce(
        pg_catalog.string_agg(entry, E'\\n' ORDER BY entry COLLATE \"C\"), ''))
    FROM (
        SELECT p::text FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('public', 'internal')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                          WHERE d.objid = p.oid AND d.deptype = 'e')
        UNION ALL
        SELECT t::text FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'internal') AND NOT t.tgisinternal
    ) AS entries (entry))";

/// The migrations that a database lists.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// The checksum of each applied dated file by its stem, `None` if it is unknown.
    pub(super) dated: BTreeMap<String, Option<String>>,
    pub(super) functions: AppliedFunctions,
}

impl Registry {
    /// Whether the checksums of dated files can be compared with the files here. Version 0.1.0
    /// recorded no functions, and its dated files have other texts.
    pub(super) fn has_comparable_texts(&self) -> bool {
        !self.functions.checksums.is_empty()
    }
}

/// The files of `functions/` that a database has.
#[derive(Debug, Default)]
pub(super) struct AppliedFunctions {
    /// The checksum of each file by its stem. Empty until `exo migrate` first records functions,
    /// for example in a database of version 0.1.0, which kept them in dated files.
    pub(super) checksums: BTreeMap<String, String>,
    /// Whether functions and triggers differ from those that the files made.
    pub(super) is_altered: bool,
}

/// Reads the registry. A missing table counts as empty.
pub(super) async fn read(client: &Client) -> Result<Registry, Error> {
    let failed = || Error::database("read the registry of migrations");
    let exists = "SELECT pg_catalog.to_regclass('public.schema_migrations') IS NOT NULL,
                         pg_catalog.to_regclass('internal.schema_functions') IS NOT NULL";
    let row = client
        .query_typed_one(exists, &[])
        .await
        .map_err(failed())?;
    let mut registry = Registry::default();
    if row.get(0) {
        // Read through jsonb, a missing column is NULL.
        let dated = "SELECT m.version, pg_catalog.to_jsonb(m) ->> 'checksum'
                     FROM public.schema_migrations AS m";
        let rows = client.query_typed(dated, &[]).await.map_err(failed())?;
        registry.dated = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    }
    if row.get(1) {
        let functions = format!(
            "SELECT f.name, f.checksum, f.catalogue <> {CATALOGUE} FROM internal.schema_functions AS f"
        );
        let rows = client
            .query_typed(&functions, &[])
            .await
            .map_err(failed())?;
        registry.functions = AppliedFunctions {
            checksums: rows.iter().map(|row| (row.get(0), row.get(1))).collect(),
            is_altered: rows.iter().any(|row| row.get(2)),
        };
    }
    Ok(registry)
}

/// Stores the checksum of a dated file. Belongs to the transaction of the file.
pub(super) async fn record_dated(client: &Client, file: &SqlFile) -> Result<(), Error> {
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

/// Stores the current checksums of dated files that were applied with other texts. Belongs to the
/// transaction that first records functions.
pub(super) async fn update_checksums(client: &Client, files: &[SqlFile]) -> Result<(), Error> {
    let update = "UPDATE public.schema_migrations AS m SET checksum = f.checksum
                  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2))
                      AS f (version, checksum)
                  WHERE m.version = f.version AND m.checksum <> f.checksum";
    let (stems, checksums) = columns(files.iter());
    client
        .query_typed(
            update,
            &[(&stems, Type::TEXT_ARRAY), (&checksums, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(Error::database("write public.schema_migrations"))?;
    Ok(())
}

/// Stores the checksums of the function files, and the catalogue's digest after them. Belongs to
/// the transaction of the functions.
pub(super) async fn record_functions<'a>(
    client: &Client,
    files: impl Iterator<Item = &'a SqlFile>,
) -> Result<(), Error> {
    let (stems, checksums) = columns(files);
    let failed = || Error::database("write internal.schema_functions");
    client
        .batch_execute("DELETE FROM internal.schema_functions")
        .await
        .map_err(failed())?;
    let insert = format!(
        "INSERT INTO internal.schema_functions (name, checksum, catalogue)
         SELECT f.name, f.checksum, {CATALOGUE}
         FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS f (name, checksum)"
    );
    client
        .query_typed(
            &insert,
            &[(&stems, Type::TEXT_ARRAY), (&checksums, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(failed())?;
    Ok(())
}

fn columns<'a>(files: impl Iterator<Item = &'a SqlFile>) -> (Vec<&'a str>, Vec<String>) {
    files.map(|file| (file.stem(), file.checksum())).unzip()
}
