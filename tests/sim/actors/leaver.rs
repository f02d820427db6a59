//! A person who takes the way out of a booking's state that its page or the findings advise.

use super::client::{ApiRequest, ApiResponse, Client};
use crate::{books::Payment, instances::ADMIN_TOKEN, world::World};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

#[derive(Clone, Copy, Debug)]
enum Way {
    /// The customer pays again.
    Pay,
    /// The customer pays again by an order that they opened before the latest.
    PayEarlierOrder,
    /// An operator captures.
    Capture,
    /// An operator cancels.
    Cancel,
}

pub(crate) async fn run(world: Arc<World>, booking: Uuid) {
    let client = Client::new(&world, "198.51.100.7".to_owned());
    let Some(ways) = ways(&world, booking) else {
        return check_paid(&client, booking).await;
    };
    let way = world.state().random.pick(&ways);
    let answer = match way {
        Way::Pay => pay(&client, booking, false).await,
        Way::PayEarlierOrder => pay(&client, booking, true).await,
        Way::Capture => operate(&client, booking, "capture").await,
        Way::Cancel => operate(&client, booking, "void").await,
    };
    let Some(answer) = answer.filter(|it| !it.is_ok()) else {
        return;
    };
    if matches!(way, Way::Capture) {
        // The payer cannot pay. There are two other ways.
        let answer = operate(&client, booking, "void").await;
        if answer.is_some_and(|it| it.is_ok() || it.code() == "booking_completed") {
            return;
        }
    }
    let text = format!(
        "{booking} has no way out: {way:?} is refused with {}",
        answer.body
    );
    world.state().checks.report(text);
}

/// The ways out of a booking's state. `None` if it is paid, or has ended.
fn ways(world: &World, booking: Uuid) -> Option<Vec<Way>> {
    let state = world.state();
    let books = &state.checks.books;
    let booking = &books.bookings[&booking];
    if !booking.is_confirmed()
        || books
            .payments_of(booking.id)
            .any(|it| it.is_captured() && it.status != "refunded")
    {
        return None;
    }
    let can_be_captured = books.payments_of(booking.id).any(|payment| {
        payment.void_reason.is_none()
            && payment.is_held
            && matches!(payment.status.as_str(), "authorized" | "failed")
    });
    let mut ways = if can_be_captured {
        vec![Way::Capture]
    } else if books.payments_of(booking.id).any(Payment::has_money) {
        return None;
    } else {
        vec![Way::Pay, Way::PayEarlierOrder]
    };
    if booking.status != "completed" {
        ways.push(Way::Cancel);
    }
    Some(ways)
}

/// A booking whose money is held or kept cannot be paid again.
async fn check_paid(client: &Client, booking: Uuid) {
    let is_paid = {
        let state = client.world.state();
        let books = &state.checks.books;
        let is_standing = matches!(
            books.bookings[&booking].status.as_str(),
            "upcoming" | "active"
        );
        is_standing && books.payments_of(booking).any(Payment::has_money)
    };
    if !is_paid {
        return;
    }
    let request = order_request(client, booking);
    let answer = client.send_with_retries(&request).await;
    let is_refused = answer
        .as_ref()
        .is_some_and(|answer| matches!(answer.code(), "already_paid" | "payment_in_progress"));
    if !is_refused {
        let text = format!("{booking} is paid, and another order is answered with {answer:?}");
        client.world.state().checks.report(text);
    }
}

async fn operate(client: &Client, booking: Uuid, verb: &str) -> Option<ApiResponse> {
    let path = format!("/api/admin/bookings/{booking}/{verb}");
    let request = ApiRequest::post(path, json!({})).bearer(ADMIN_TOKEN);
    client.send_with_retries(&request).await
}

/// The request for an order of a booking.
fn order_request(client: &Client, booking: Uuid) -> ApiRequest {
    let state = client.world.state();
    let booking = &state.checks.books.bookings[&booking];
    let rental = json!({
        "carId": booking.car_id, "startDate": booking.start_date, "endDate": booking.end_date,
        "bookingId": booking.id,
    });
    ApiRequest::post("/api/bookings/create-paypal-order", rental)
}

/// Orders, approves and authorizes.
async fn pay(client: &Client, booking: Uuid, takes_earlier: bool) -> Option<ApiResponse> {
    let request = order_request(client, booking);
    let order = client.send_with_retries(&request).await?;
    if !order.is_ok() {
        return Some(order);
    }
    let url = order.text("approveUrl");
    if takes_earlier {
        // PayPal gives three hours to open the page, and another three afterwards.
        client.wait(Duration::from_secs(170 * 60)).await;
        client.open(&url).await;
        client.wait(Duration::from_secs(20 * 60)).await;
        client.send_with_retries(&request).await?;
    }
    if !client.approve(&url).await {
        return None;
    }
    let body = json!({ "orderID": order.text("orderID") });
    let request = ApiRequest::post("/api/bookings/authorize-paypal-order", body);
    client.send_with_retries(&request).await
}

/// Acknowledges a finding.
pub(crate) async fn acknowledge(world: Arc<World>, payment: Uuid, kind: String) {
    let client = Client::new(&world, "198.51.100.8".to_owned());
    let body = json!({ "paymentId": payment, "kind": kind, "reason": "Dealt with by hand" });
    let path = "/api/admin/payments/findings/acknowledge";
    let request = ApiRequest::post(path, body).bearer(ADMIN_TOKEN);
    let answer = client.send_with_retries(&request).await;
    if !answer.is_some_and(|it| it.is_ok() || it.code() == "finding_not_found") {
        let text = format!("the finding {kind} of {payment} cannot be acknowledged");
        world.state().checks.report(text);
    }
}

/// Reads a booking. The amounts must be exactly PayPal's.
pub(crate) async fn check_page(world: Arc<World>, booking: Uuid) {
    let client = Client::new(&world, "198.51.100.9".to_owned());
    let request = ApiRequest::get(format!("/api/bookings/{booking}")).bearer(ADMIN_TOKEN);
    let answer = client.send_with_retries(&request).await;
    let Some(answer) = answer.filter(ApiResponse::is_ok) else {
        world
            .state()
            .checks
            .report(format!("{booking} cannot be read"));
        return;
    };
    let payment = &answer.body["booking"]["payment"];
    world.state().checks.check_shown_at_end(booking, payment);
}
