//! `GET /api/cars/{car}`: everything about one car.

use crate::{
    app::App,
    domain::{car::CarRef, rate_limit::Tier},
    flows::{
        admission::{Wanted, admit},
        cache::{Slot, Subject, read_through},
    },
    http::{reply::Reply, request::Request},
    problem::{Code, Problem},
};
use http::StatusCode;

const FRESH_SECONDS: u64 = 300;

pub(super) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    let car = CarRef::parse(request.parameter.as_deref().unwrap_or_default());
    let slot = car.as_ref().ok().map(slot);
    let wanted = Wanted {
        keys: slot.iter().flat_map(Slot::keys).collect(),
        lock: None,
    };
    let admitted = admit(app, request, Tier::Public, wanted).await?;
    // A name that no car can have names no car.
    let (Ok(car), Some(slot)) = (car, slot) else {
        return Err(Problem::new(Code::CarNotFound));
    };

    let database = app.database(request.deadline);
    read_through(app, request, admitted, slot, database.get_car(&car))
        .await?
        .map(|body| Reply::bytes(StatusCode::OK, body))
        .ok_or_else(|| Problem::new(Code::CarNotFound))
}

/// Where the car's page is kept.
pub(super) fn slot(car: &CarRef) -> Slot {
    Slot::new(
        "car",
        car.as_str(),
        Subject::Car(car.clone()),
        FRESH_SECONDS,
    )
}
