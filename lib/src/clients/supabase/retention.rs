//! Deletion of old rows.

use super::{Arguments, Database, DatabaseError};
use jiff::Timestamp;
use serde::Deserialize;

/// The result of one call of `delete_expired_rows`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExpiredRows {
    /// The number of deleted rows. Zero while another run deletes from the table.
    pub(crate) count: u32,
    /// The table is complete since then.
    pub(crate) kept_since: Timestamp,
}

impl Database<'_> {
    /// Deletes up to `limit` rows of `table` that are older than `keep_days`, the oldest first.
    pub(crate) async fn delete_expired_rows(
        &self,
        table: &str,
        keep_days: u32,
        limit: u32,
    ) -> Result<ExpiredRows, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_table", &table),
            ("p_keep_days", &keep_days),
            ("p_limit", &limit),
            ("p_now", &self.platform.now()),
        ];
        self.call("delete_expired_rows", arguments).await
    }
}
