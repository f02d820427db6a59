//! The run of a cron, recorded in `cron_runs` from its start to its end.

use crate::{
    app::App, clients::supabase::DatabaseError, routes::problems::Problem, web::request::Request,
};

/// The items that a run has worked on.
pub(super) struct CronCounts {
    pub(super) succeeded: usize,
    pub(super) failed: usize,
}

/// Does `work` as a run of the cron `name`.
///
/// An error of `work` is recorded with the run. It is also the response when recording it fails.
pub(super) async fn run_cron<T>(
    app: &App,
    request: &Request,
    name: &'static str,
    work: impl Future<Output = Result<T, DatabaseError>>,
    count: impl FnOnce(&T) -> CronCounts,
) -> Result<T, Problem> {
    let database = app.database(request.deadline);
    let run = database.begin_cron_run(name).await?;
    match work.await {
        Ok(result) => {
            let CronCounts { succeeded, failed } = count(&result);
            database
                .finish_cron_run(run, succeeded, failed, None)
                .await?;
            Ok(result)
        }
        Err(error) => {
            let recorded = database
                .finish_cron_run(run, 0, 0, Some("database_unavailable"))
                .await;
            if let Err(error) = recorded {
                log::error!("request={} {name}: {error}", request.id);
            }
            Err(error.into())
        }
    }
}
