//! A visitor, who orders and leaves. PayPal cannot show the order afterwards, for ever.

use super::{
    client::{ApiRequest, Client},
    plan::Plan,
};
use crate::world::World;
use exodrive_local::paypal::{Behaviour, Operation, Simulator, Unkindness};
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn run(world: Arc<World>, simulator: Simulator, number: u64, plan: Plan) {
    let client = Client::new(&world, format!("192.0.2.{}", 150 + number));
    client.wait(plan.pauses[0]).await;
    let body = json!({
        "carId": plan.car_name(), "startDate": plan.start.to_string(), "endDate": plan.end.to_string(),
        "bookingId": format!("visit-{number}"),
    });
    let request = ApiRequest::post("/api/bookings/create-paypal-order", body);
    let Some(order) = client.send_with_retries(&request).await else {
        return;
    };
    if order.is_ok() {
        let behaviour = Behaviour::new(Unkindness::page(502))
            .only(Operation::ShowOrder)
            .of_order(&order.text("orderID"));
        world.state().broken_orders.push(behaviour.clone());
        // The faults may have stopped before.
        let _ = simulator.set_behaviour(behaviour);
    }
}
