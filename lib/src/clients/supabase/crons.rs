//! Runs of crons.

use super::{Arguments, Database, DatabaseError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One run of a cron.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CronRun {
    pub(crate) name: String,
    pub(crate) started_at: Timestamp,
    /// `None` while it runs, and when it was cut off.
    pub(crate) finished_at: Option<Timestamp>,
    /// Items that succeeded.
    pub(crate) processed: Option<u32>,
    /// Items that failed.
    pub(crate) failed: Option<u32>,
}

impl Database<'_> {
    /// Records that the cron `name` has started. Returns the id of the run.
    pub(crate) async fn begin_cron_run(&self, name: &str) -> Result<Uuid, DatabaseError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct RunStart {
            run_id: Uuid,
        }
        let arguments: Arguments<'_> = &[("p_name", &name), ("p_now", &self.platform.now())];
        let start: RunStart = self.call("begin_cron_run", arguments).await?;
        Ok(start.run_id)
    }

    /// Records the end of a run. `error` is a code.
    pub(crate) async fn finish_cron_run(
        &self,
        run: Uuid,
        processed: usize,
        failed: usize,
        error: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_run_id", &run),
            ("p_processed", &processed),
            ("p_failed", &failed),
            ("p_error", &error),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("finish_cron_run", arguments).await.map(drop)
    }

    /// The latest run of the cron `name`.
    pub(crate) async fn last_cron_run(&self, name: &str) -> Result<Option<CronRun>, DatabaseError> {
        self.call("last_cron_run", &[("p_name", &name)]).await
    }
}
