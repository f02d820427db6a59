//! `GET /api/cars/{car}`: everything about one car.

use crate::{
    app::App,
    domain::car::CarRef,
    flows::cache::read::LoadFn,
    instance::cache_key::{CacheKey, CacheKind, Subject},
    routes::{
        cached::cached,
        problems::{Code, Problem},
    },
    web::{reply::Reply, request::Request},
};

const FRESH_SECONDS: u64 = 300;

pub(in crate::routes) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    let car = CarRef::parse(request.parameter.as_deref().unwrap_or_default());
    // An invalid name is an unknown car.
    let car = car.map_err(|_| Problem::new(Code::CarNotFound));
    cached(app, request, car, cache_key, load)
        .await?
        .ok_or_else(|| Problem::new(Code::CarNotFound))
}

/// Loads the car's page.
pub(in crate::routes) fn load(car: CarRef) -> LoadFn {
    Box::new(move |app, deadline| {
        Box::pin(async move { app.database(deadline).get_car(&car).await })
    })
}

/// The key of the car's page.
pub(in crate::routes) fn cache_key(car: &CarRef) -> CacheKey {
    CacheKey::new(
        CacheKind::Car,
        car.as_str(),
        Subject::Car(car.clone()),
        FRESH_SECONDS,
    )
}
