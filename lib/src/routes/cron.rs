//! The run of a cron, recorded in `cron_runs` from its start to its end.

use crate::{
    app::App,
    clients::supabase::DatabaseError,
    routes::problems::{Code, Problem},
    web::request::Request,
};
use futures_util::future::{Either, select};
use std::{pin::pin, time::Duration};
use uuid::Uuid;

/// The time to record the end of a run.
const RECORDING: Duration = Duration::from_secs(5);

/// The items that a run has worked on.
pub(super) struct CronCounts {
    pub(super) succeeded: usize,
    pub(super) failed: usize,
}

/// Does `work` as a run of the cron `name`.
///
/// An error of `work` is recorded with the run. It is also the response when recording it fails.
/// Work that does not end in time is cut off, and recorded as such.
pub(super) async fn run_cron<T>(
    app: &App,
    request: &Request,
    name: &'static str,
    work: impl Future<Output = Result<T, DatabaseError>>,
    count: impl FnOnce(&T) -> CronCounts,
) -> Result<T, Problem> {
    let database = app.database(request.deadline);
    let run = database.begin_cron_run(name).await?;
    let time = request
        .deadline
        .earlier(RECORDING)
        .left(app.platform().now());
    let alarm = pin!(app.platform().sleep(time));
    match select(pin!(work), alarm).await {
        Either::Left((Ok(done), _)) => {
            record_success(app, request, run, count(&done)).await?;
            Ok(done)
        }
        Either::Left((Err(error), _)) => {
            record_failure(app, request, name, run, "database_unavailable").await;
            Err(error.into())
        }
        Either::Right(((), _)) => {
            log::error!("request={} {name}: the run was cut off", request.id);
            record_failure(app, request, name, run, "cut_off").await;
            Err(Problem::new(Code::Internal).detail("The run took too long. The next one resumes."))
        }
    }
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

async fn record_failure(app: &App, request: &Request, name: &str, run: Uuid, code: &str) {
    let recorded = app
        .database(request.deadline)
        .finish_cron_run(run, 0, 0, Some(code))
        .await;
    if let Err(error) = recorded {
        log::error!("request={} {name}: {error}", request.id);
    }
}
