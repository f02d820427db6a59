//! What is warmed, and how far it came: pages of the list, cars and their next days, under exactly
//! the keys that visitors read.

use crate::{
    app::App,
    clients::supabase::CarIdentity,
    domain::{car::CarRef, dates::DateRange},
    flows::cache::{read::LoadFn, warm::warm},
    instance::cache_key::CacheKey,
    platform::Deadline,
    routes::cars::{availability, list, show},
};
use futures_util::{StreamExt, stream};
use jiff::{ToSpan, tz::TimeZone};
use serde::Serialize;
use std::{ops::ControlFlow, time::Duration};

/// Answers that are loaded at a time: enough to hide the way to the database, few enough to leave
/// it to visitors.
const AT_A_TIME: usize = 6;
/// Nothing is begun when less is left, so that what is begun comes to its end and the caller is
/// answered.
const LAST_START: Duration = Duration::from_secs(15);
/// After so many failures the rest would fail too.
const MOST_ERRORS: usize = 10;

/// Kinds of answers that are warmed.
#[derive(Clone, Copy, Debug)]
enum Part {
    Page,
    Car,
    Availability,
}

/// One answer to load.
pub(in crate::routes) struct Task {
    part: Part,
    /// Names it in an error.
    what: String,
    key: CacheKey,
    load: LoadFn,
}

/// The first `pages` of the list as it is asked for without any filter.
pub(in crate::routes) fn pages(pages: u32) -> impl Iterator<Item = Task> {
    list::first_pages(pages).map(|listing| Task {
        part: Part::Page,
        what: format!("page {} of the list", listing.page),
        key: list::cache_key(&listing),
        load: list::load(listing),
    })
}

/// The cars as visitors ask for them: they follow links, which carry the slug.
fn names(cars: &[CarIdentity]) -> impl Iterator<Item = CarRef> {
    cars.iter().filter_map(|car| CarRef::parse(&car.slug).ok())
}

/// The pages of `cars`.
pub(in crate::routes) fn details(cars: &[CarIdentity]) -> impl Iterator<Item = Task> {
    names(cars).map(|name| Task {
        part: Part::Car,
        what: format!("car {name}"),
        key: show::cache_key(&name),
        load: show::load(name),
    })
}

/// The next `days` days of `cars`.
pub(in crate::routes) fn days(
    cars: &[CarIdentity],
    app: &App,
    days: u32,
) -> impl Iterator<Item = Task> {
    let dates = window(app, days);
    names(cars).filter_map(move |name| {
        let asked = (name, dates?);
        Some(Task {
            part: Part::Availability,
            what: format!("availability of {}", asked.0),
            key: availability::cache_key(&asked),
            load: availability::load(asked),
        })
    })
}

/// The days from today (UTC, as a page that shows a calendar asks before it knows the car's time
/// zone).
fn window(app: &App, days: u32) -> Option<DateRange> {
    let today = app.platform().now().to_zoned(TimeZone::UTC).date();
    let end = today.checked_add(i64::from(days).days()).ok()?;
    DateRange::new(today, end).ok()
}

/// How far it came.
#[derive(Debug, Default, Serialize)]
pub(in crate::routes) struct Progress {
    pub(super) warmed: Warmed,
    /// Those that were not begun, because time ran out or too much had failed.
    pub(super) left: usize,
    pub(super) errors: Vec<String>,
}

/// Answers that are in the cache now, by kind.
#[derive(Debug, Default, Serialize)]
pub(in crate::routes) struct Warmed {
    pages: u32,
    cars: u32,
    availability: u32,
}

impl Warmed {
    pub(in crate::routes) fn total(&self) -> u32 {
        self.pages + self.cars + self.availability
    }

    fn count(&mut self, part: Part) {
        *match part {
            Part::Page => &mut self.pages,
            Part::Car => &mut self.cars,
            Part::Availability => &mut self.availability,
        } += 1;
    }
}

/// Does `tasks`, the first ones first, as long as `deadline` leaves time.
pub(in crate::routes) async fn run(app: &App, deadline: Deadline, tasks: Vec<Task>) -> Progress {
    let mut progress = Progress {
        left: tasks.len(),
        ..Progress::default()
    };
    let mut results = stream::iter(tasks)
        .map(async |task| {
            let now = app.platform().now();
            if deadline.left(now) < LAST_START {
                return ControlFlow::Break(());
            }
            let result = warm(app, deadline, task.key, task.load).await;
            ControlFlow::Continue((task.part, task.what, result))
        })
        .buffer_unordered(AT_A_TIME);
    while let Some(result) = results.next().await {
        // Those that were begun before come to their end.
        let ControlFlow::Continue((part, what, result)) = result else {
            continue;
        };
        progress.left -= 1;
        match result {
            Ok(true) => progress.warmed.count(part),
            // Withdrawn since it was listed.
            Ok(false) => {}
            Err(error) => {
                log::warn!("cache-warm: {what}: {error}");
                progress.errors.push(format!("{what} could not be warmed"));
            }
        }
        if progress.errors.len() >= MOST_ERRORS {
            break;
        }
    }
    progress
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        platform::{Platform, TransportError},
        scripted::{REDIS, Scripted, config},
    };
    use futures_util::FutureExt;
    use std::sync::Arc;

    fn app(platform: Scripted) -> (App, Arc<Scripted>) {
        let platform = Arc::new(platform);
        let config = config(&REDIS, &[]).unwrap();
        (
            App::new(config, Arc::clone(&platform) as Arc<dyn Platform>),
            platform,
        )
    }

    fn warm_pages(platform: Scripted, number: u32, seconds: u64) -> (Progress, Vec<String>) {
        let (app, platform) = app(platform);
        let deadline = Deadline::after(platform.now(), Duration::from_secs(seconds));
        let progress = run(&app, deadline, pages(number).collect());
        let progress = progress.now_or_never().unwrap();
        (progress, platform.paths())
    }

    #[test]
    fn what_is_warmed_is_counted_by_its_kind() {
        let answers = [
            r#"[{"result":[1,0,1,null,"ab"]}]"#,
            r#"{"success":true}"#,
            r#"[{"result":"OK"},{"result":1}]"#,
        ];
        let script = Scripted::new(answers.map(|body| Ok((200, body))));
        let (progress, asked) = warm_pages(script, 1, 120);
        assert_eq!(
            serde_json::to_string(&progress).unwrap(),
            r#"{"warmed":{"pages":1,"cars":0,"availability":0},"left":0,"errors":[]}"#
        );
        assert_eq!(asked, ["/pipeline", "/rest/v1/rpc/list_cars", "/pipeline"]);
    }

    #[test]
    fn nothing_is_begun_when_time_runs_out() {
        let (progress, asked) = warm_pages(Scripted::new([]), 5, 14);
        assert_eq!((progress.left, progress.warmed.total()), (5, 0));
        assert!(progress.errors.is_empty() && asked.is_empty());
    }

    #[test]
    fn it_gives_up_when_nothing_works() {
        let script = Scripted::new([(); 2 * MOST_ERRORS].map(|()| Err(TransportError::NotSent)));
        let (progress, _) = warm_pages(script, 100, 120);
        assert_eq!((progress.errors.len(), progress.left), (MOST_ERRORS, 90));
        assert_eq!(progress.errors[0], "page 1 of the list could not be warmed");
    }
}
