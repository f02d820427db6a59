//! `POST /api/admin/cache/clear`: gives up what is cached, at once and without searching it.

use crate::{
    app::App,
    clients::{supabase::CarIdentity, upstash::Command},
    domain::{car::CarRef, rate_limit::Tier, refusal::Refusal},
    flows::{
        cache::invalidate::{epoch_invalidation, invalidation},
        traffic::admission::admit,
    },
    instance::cache_key::{CacheKind, Subject},
    routes::{access::require_admin, body::optional_json_fields, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

/// What is to be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    All,
    Cars,
    Availability,
}

impl Scope {
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "all" => Ok(Self::All),
            "cars" => Ok(Self::Cars),
            "availability" => Ok(Self::Availability),
            _ => Err(Refusal::new(
                "unknown_value",
                "must be all, cars or availability",
            )),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Cars => "cars",
            Self::Availability => "availability",
        }
    }

    fn kinds(self) -> &'static [CacheKind] {
        match self {
            Self::All => &CacheKind::ALL,
            Self::Cars => &[CacheKind::Cars, CacheKind::Car],
            // Pages that were asked for with dates show who is free.
            Self::Availability => &[CacheKind::Availability, CacheKind::Cars],
        }
    }
}

pub(in crate::routes) async fn clear(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let (scope, car) = read(request)?;

    let commands = match &car {
        Some(car) => forgetting(app, request, car).await,
        None => epoch_invalidation(app, scope.kinds()),
    };
    let cleared = match app.redis() {
        Some(redis) => redis
            .background()
            .transaction(&commands)
            .await
            .map(|_| true),
        None => Ok(false),
    };
    let cleared = cleared.unwrap_or_else(|error| {
        log::error!("request={} cache-clear: {error}", request.id);
        false
    });
    let is_off = app.redis().is_none();
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "success": cleared || is_off,
            "scope": scope.name(),
            "carId": car,
            "cleared": cleared,
        }),
    ))
}

/// The commands that give up one car under both its names, and the lists, which show it. A car that
/// is not shown any more does not tell its other name: then everything goes.
async fn forgetting(app: &App, request: &Request, car: &CarRef) -> Vec<Command> {
    #[derive(Deserialize)]
    struct Shown {
        car: CarIdentity,
    }
    let shown = app.database(request.deadline).get_car(car).await;
    let shown: Option<Shown> = shown
        .ok()
        .flatten()
        .and_then(|body| serde_json::from_slice(&body).ok());
    match shown {
        Some(Shown { car }) => {
            let lists = [Subject::Catalogue, Subject::Fleet];
            let subjects: Vec<Subject> = Subject::changed_by_edit(&car).chain(lists).collect();
            invalidation(app, &subjects)
        }
        None => epoch_invalidation(app, &CacheKind::ALL),
    }
}

fn read(request: &Request) -> Result<(Scope, Option<CarRef>), Problem> {
    let mut fields = optional_json_fields(request)?;
    let scope = fields.optional("scope", Scope::parse);
    let car = fields.optional("carId", CarRef::parse);
    if fields.is_clean() {
        Ok((scope.unwrap_or(Scope::All), car))
    } else {
        Err(fields.refused().into())
    }
}
