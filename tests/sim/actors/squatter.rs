//! A customer who keeps days without paying: orders, reads and authorizes again and again, and
//! never approves.

use super::{
    client::{ApiRequest, Client},
    plan::Plan,
};
use crate::world::World;
use serde_json::json;
use std::{sync::Arc, time::Duration};

pub(crate) async fn run(world: Arc<World>, number: u64, plan: Plan) {
    let client = Client::new(&world, format!("192.0.2.{}", 100 + number));
    client.wait(plan.pauses[0]).await;
    let mut booking = format!("squat-{number}");
    for _ in 0..14 {
        if world.is_settling() {
            return;
        }
        let body = json!({
            "carId": plan.car_name(), "startDate": plan.start.to_string(), "endDate": plan.end.to_string(),
            "bookingId": booking,
        });
        let request = ApiRequest::post("/api/bookings/create-paypal-order", body);
        if let Some(order) = client.send_with_retries(&request).await
            && order.is_ok()
        {
            booking = order.text("bookingId");
            let body = json!({ "orderID": order.text("orderID") });
            let request = ApiRequest::post("/api/bookings/authorize-paypal-order", body);
            client.send_with_retries(&request).await;
        }
        let minutes = client.random_below(16);
        client.wait(Duration::from_secs(60 * minutes)).await;
    }
}
