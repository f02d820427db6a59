//! PayPal, telling what happened: in its own time, in any order, again and again until it is heard, sometimes twice.

use crate::{
    checks::Told,
    world::{Upstream, World},
};
use exodrive_local::paypal::{Delivery, Simulator};
use std::{sync::Arc, time::Duration};

/// Lives PayPal's life.
pub(crate) async fn live(world: Arc<World>, simulator: Simulator, pace: u64) {
    while !world.is_ending() {
        let seconds = {
            let random = &mut world.state().random;
            let seconds = random.weighted(&[(60, 20), (30, 300), (10, 60 * pace)]);
            random.between(0, seconds)
        };
        world.sleep(Duration::from_secs(seconds)).await;
        let most = usize::try_from(world.state().random.between(1, 4)).unwrap();
        tell(&world, &simulator, most);
    }
}

/// Sends what is due, each event by itself.
pub(crate) fn tell(world: &Arc<World>, simulator: &Simulator, most: usize) {
    for delivery in simulator.take_deliveries(most).unwrap() {
        let is_doubled = !world.is_ending() && world.state().random.chance(150);
        let double = is_doubled.then(|| simulator.deliver(&delivery.event, None).unwrap());
        for delivery in std::iter::once(delivery).chain(double) {
            let work = send(Arc::clone(world), simulator.clone(), delivery);
            world.start("paypal".to_owned(), None, Box::pin(work));
        }
    }
}

async fn send(world: Arc<World>, simulator: Simulator, delivery: Delivery) {
    let Delivery { event, mut request } = delivery;
    let address = format!("{}{}", Upstream::Product.base_url(), request.uri().path());
    *request.uri_mut() = address.parse().unwrap();
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
