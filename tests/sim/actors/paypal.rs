//! PayPal as a sender of webhook events. It sends them late, in any order, sometimes twice, and
//! retries each until it succeeds. An attacker sends forged events.

use crate::{
    checks::Promise,
    world::{Upstream, World},
};
use exodrive_local::paypal::{Delivery, Forgery, Simulator};
use std::{sync::Arc, time::Duration};

pub(crate) async fn run(world: Arc<World>, simulator: Simulator, cron_minutes: u64) {
    while world.is_active() {
        let seconds = {
            let random = &mut world.state().random;
            let seconds = random.weighted(&[(60, 20), (30, 300), (10, 60 * cron_minutes)]);
            random.between(0, seconds)
        };
        world.sleep(Duration::from_secs(seconds)).await;
        let max_events = usize::try_from(world.state().random.between(1, 4)).unwrap();
        let events = send_events(&world, &simulator, max_events);
        if let Some(event) = events.first().filter(|_| world.state().random.chance(100)) {
            forge(&world, &simulator, event).await;
        }
    }
}

/// Starts one task for each due event, and returns the events' ids.
pub(crate) fn send_events(
    world: &Arc<World>,
    simulator: &Simulator,
    max_events: usize,
) -> Vec<String> {
    let mut events = Vec::new();
    for delivery in simulator.take_deliveries(max_events).unwrap() {
        events.push(delivery.event.clone());
        let is_doubled = !world.is_settling() && world.state().random.chance(150);
        let duplicate = is_doubled.then(|| simulator.deliver(&delivery.event, None).unwrap());
        for delivery in std::iter::once(delivery).chain(duplicate) {
            let work = send(Arc::clone(world), simulator.clone(), delivery);
            world.start("paypal".to_owned(), None, Box::pin(work));
        }
    }
    events
}

/// An attacker sends a forged event, which the product must refuse.
async fn forge(world: &Arc<World>, simulator: &Simulator, event: &str) {
    let tampers = [
        Forgery::Body,
        Forgery::Signature,
        Forgery::CertUrl,
        Forgery::WebhookId,
    ];
    let forgery = world.state().random.pick(&tampers);
    let delivery = simulator.deliver(event, Some(forgery)).unwrap();
    let response = world.send(address_to_product(delivery).request).await;
    if response.is_ok_and(|response| response.status().is_success()) {
        let text = format!("the product accepted {event}, which was forged ({forgery:?})");
        world.state().checks.report(text);
    }
}

fn address_to_product(mut delivery: Delivery) -> Delivery {
    let path = delivery.request.uri().path();
    let address = format!("{}{path}", Upstream::Product.base_url());
    *delivery.request.uri_mut() = address.parse().unwrap();
    delivery
}

async fn send(world: Arc<World>, simulator: Simulator, delivery: Delivery) {
    let Delivery { event, request } = address_to_product(delivery);
    let Ok(response) = world.send(request).await else {
        return;
    };
    if response.status().is_success() {
        let promise = Promise::Event {
            event: event.clone(),
        };
        world.state().checks.promises.push(promise);
    }
    simulator.record_response(&event, response.status());
}
