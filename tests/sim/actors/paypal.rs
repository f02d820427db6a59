//! PayPal, telling what happened: in its own time, in any order, again and again until it is heard, sometimes twice.

use crate::{
    checks::Told,
    world::{Upstream, World},
};
use exodrive_local::paypal::{Delivery, Simulator, Tamper};
use std::{sync::Arc, time::Duration};

/// Lives PayPal's life.
pub(crate) async fn live(world: Arc<World>, simulator: Simulator, pace: u64) {
    while world.is_lively() {
        let seconds = {
            let random = &mut world.state().random;
            let seconds = random.weighted(&[(60, 20), (30, 300), (10, 60 * pace)]);
            random.between(0, seconds)
        };
        world.sleep(Duration::from_secs(seconds)).await;
        let most = usize::try_from(world.state().random.between(1, 4)).unwrap();
        let told = tell(&world, &simulator, most);
        if let Some(event) = told.first().filter(|_| world.state().random.chance(100)) {
            forge(&world, &simulator, event).await;
        }
    }
}

/// Sends what is due, each event by itself, and gives their ids.
pub(crate) fn tell(world: &Arc<World>, simulator: &Simulator, most: usize) -> Vec<String> {
    let mut told = Vec::new();
    for delivery in simulator.take_deliveries(most).unwrap() {
        told.push(delivery.event.clone());
        let is_doubled = !world.is_calm() && world.state().random.chance(150);
        let double = is_doubled.then(|| simulator.deliver(&delivery.event, None).unwrap());
        for delivery in std::iter::once(delivery).chain(double) {
            let work = send(Arc::clone(world), simulator.clone(), delivery);
            world.start("paypal".to_owned(), None, Box::pin(work));
        }
    }
    told
}

/// Somebody sends what PayPal never said.
async fn forge(world: &Arc<World>, simulator: &Simulator, event: &str) {
    let ways = [
        Tamper::Body,
        Tamper::Signature,
        Tamper::CertUrl,
        Tamper::WebhookId,
    ];
    let way = world.state().random.pick(&ways);
    let forged = simulator.deliver(event, Some(way)).unwrap();
    let answer = world.send(addressed(forged).request).await;
    if answer.is_ok_and(|answer| answer.status().is_success()) {
        let text = format!("{event} was forged ({way:?}) and taken");
        world.state().checks.violated(text);
    }
}

/// With the product's address.
fn addressed(mut delivery: Delivery) -> Delivery {
    let path = delivery.request.uri().path();
    let address = format!("{}{path}", Upstream::Product.base_url());
    *delivery.request.uri_mut() = address.parse().unwrap();
    delivery
}

async fn send(world: Arc<World>, simulator: Simulator, delivery: Delivery) {
    let Delivery { event, request } = addressed(delivery);
    let Ok(answer) = world.send(request).await else {
        return;
    };
    if answer.status().is_success() {
        let told = Told::Heard {
            event: event.clone(),
        };
        world.state().checks.told.push(told);
    }
    simulator.answered(&event, answer.status());
}
