//! `GET /api/cars/{car}`: everything about one car.

use super::cached::cached;
use crate::{
    app::App,
    domain::car::CarRef,
    flows::cache::{Kind, Load, Slot, Subject},
    http::{reply::Reply, request::Request},
    problem::{Code, Problem},
};

const FRESH_SECONDS: u64 = 300;

pub(super) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    let car = CarRef::parse(request.parameter.as_deref().unwrap_or_default());
    // A name that no car can have names no car.
    let car = car.map_err(|_| Problem::new(Code::CarNotFound));
    cached(app, request, car, slot, load)
        .await?
        .ok_or_else(|| Problem::new(Code::CarNotFound))
}

/// What gives the car's page.
pub(super) fn load(car: CarRef) -> Load {
    Box::new(move |app, deadline| {
        Box::pin(async move { app.database(deadline).get_car(&car).await })
    })
}

/// Where the car's page is kept.
pub(super) fn slot(car: &CarRef) -> Slot {
    Slot::new(
        Kind::Car,
        car.as_str(),
        Subject::Car(car.clone()),
        FRESH_SECONDS,
    )
}
