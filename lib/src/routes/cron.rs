//! The run of a cron, recorded in `cron_runs` from its start to its end.

use crate::{
    app::App, clients::supabase::DatabaseError, routes::problems::Problem, web::request::Request,
};
use uuid::Uuid;

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
    let result = work.await;
    match &result {
        Ok(done) => record_success(app, request, run, count(done)).await?,
        Err(_) => record_failure(app, request, name, run).await,
    }
    Ok(result?)
}

async fn record_success(
    app: &App,
    request: &Request,
    run: Uuid,
    counts: CronCounts,
) -> Result<(), DatabaseError> {
    let CronCounts { succeeded, failed } = counts;
    app.database(request.deadline)
        .finish_cron_run(run, succeeded, failed, None)
        .await
}

async fn record_failure(app: &App, request: &Request, name: &str, run: Uuid) {
    let recorded = app
        .database(request.deadline)
        .finish_cron_run(run, 0, 0, Some("database_unavailable"))
        .await;
    if let Err(error) = recorded {
        log::error!("request={} {name}: {error}", request.id);
    }
}
