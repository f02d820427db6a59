//! `POST /api/admin/cache/clear`: clears cache entries at once, without a search.

use crate::{
    app::App,
    clients::{json, supabase::CarIdentity, upstash::Command},
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

/// A part of the cache.
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
            // Lists can be filtered by days.
            Self::Availability => &[CacheKind::Availability, CacheKind::Cars],
        }
    }
}

pub(in crate::routes) async fn clear(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let (scope, car) = read(request)?;

    let commands = match &car {
        Some(car) => car_invalidation(app, request, car).await,
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

/// The commands that clear one car under its slug and its id, and the lists.
///
/// The second name of a car that is no longer listed is unknown. Then everything is cleared.
async fn car_invalidation(app: &App, request: &Request, car: &CarRef) -> Vec<Command> {
    #[derive(Deserialize)]
    struct CarPage {
        car: CarIdentity,
    }
    let body = app.database(request.deadline).get_car(car).await;
    let page: Option<CarPage> = body
        .ok()
        .flatten()
        .and_then(|body| json::from_slice(&body).ok());
    match page {
        Some(CarPage { car }) => {
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
    Ok(fields.finish((scope.unwrap_or(Scope::All), car))?)
}
