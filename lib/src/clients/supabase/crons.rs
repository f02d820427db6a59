//! What the crons did.

use super::{Database, DatabaseError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One run of a cron.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CronRun {
    /// Its name.
    pub name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent while it runs, or when it was cut off.
    pub finished_at: Option<Timestamp>,
    /// How many items went well.
    pub processed: Option<u32>,
    /// How many did not.
    pub failed: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    run_id: Uuid,
}

impl Database<'_> {
    /// Notes that the cron `name` begins.
    pub async fn begin_cron_run(&self, name: &str) -> Result<Uuid, DatabaseError> {
        let arguments = serde_json::json!({ "p_name": name, "p_now": self.platform.now() });
        let begun: Begun = self.call("begin_cron_run", &arguments).await?;
        Ok(begun.run_id)
    }

    /// Notes how the run went. `error` is a code.
    pub async fn finish_cron_run(
        &self,
        run: Uuid,
        processed: usize,
        failed: usize,
        error: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_run_id": run,
            "p_processed": processed,
            "p_failed": failed,
            "p_error": error,
            "p_now": self.platform.now(),
        });
        self.call_raw("finish_cron_run", &arguments).await.map(drop)
    }

    /// The latest run of the cron `name`.
    pub async fn last_cron_run(&self, name: &str) -> Result<Option<CronRun>, DatabaseError> {
        self.call("last_cron_run", &serde_json::json!({ "p_name": name }))
            .await
    }
}
