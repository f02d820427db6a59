//! An operator, who captures, voids, refunds, reauthorizes and cancels by hand, sometimes twice.

use super::client::{ApiRequest, ApiResponse, Client};
use crate::{instances::ADMIN_TOKEN, world::World};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

#[derive(Clone, Copy, Debug)]
enum Action {
    Capture,
    Void,
    Cancel,
    Refund,
    PartialRefund,
    Reauthorize,
}

pub(crate) async fn run(world: Arc<World>, number: u64, max_minutes: u64) {
    let mut actions = 0;
    while world.is_active() {
        let minutes = world.state().random.between(1, max_minutes);
        world.sleep(Duration::from_secs(60 * minutes)).await;
        actions += 1;
        let key = format!("action-{actions}-of-operator-{number}");
        act_once(Arc::clone(&world), number, key).await;
    }
}

/// Takes one action on a random booking. A partial refund has `key` as its idempotency key.
pub(crate) async fn act_once(world: Arc<World>, number: u64, key: String) {
    let client = Client::new(&world, format!("203.0.113.{}", 100 + number));
    if let Some(booking) = pick_booking(&world) {
        act(&client, booking, &key).await;
    }
}

fn pick_booking(world: &World) -> Option<Uuid> {
    let mut state = world.state();
    let books = &state.checks.books;
    let bookings: Vec<Uuid> = books.bookings.keys().copied().collect();
    // Captured money is rare, and all refunds are of it.
    let captured: Vec<Uuid> = books
        .payments
        .values()
        .filter(|payment| payment.is_captured() && payment.status != "refunded")
        .map(|payment| payment.booking_id)
        .collect();
    if !captured.is_empty() && state.random.chance(500) {
        return Some(state.random.pick(&captured));
    }
    (!bookings.is_empty()).then(|| state.random.pick(&bookings))
}

/// Prefers actions that fit the state of the booking's payments.
fn choose(world: &World, booking: Uuid) -> Action {
    let mut state = world.state();
    let books = &state.checks.books;
    let has = |statuses: &[&str]| {
        books
            .payments_of(booking)
            .any(|payment| statuses.contains(&payment.status.as_str()))
    };
    let is_captured = has(&["captured", "partially_refunded"]);
    let is_authorized = has(&["authorized", "capturing"]);
    let [authorized, captured] = [is_authorized, is_captured].map(|fits| if fits { 10 } else { 1 });
    state.random.weighted(&[
        (2 * authorized, Action::Capture),
        (authorized, Action::Void),
        (2 * authorized, Action::Reauthorize),
        (2, Action::Cancel),
        (captured, Action::Refund),
        (3 * captured, Action::PartialRefund),
    ])
}

async fn act(client: &Client, booking: Uuid, key: &str) {
    let action = choose(&client.world, booking);
    let path = |verb: &str| format!("/api/admin/bookings/{booking}/{verb}");
    let request = match action {
        Action::Capture => ApiRequest::post(path("capture"), json!({})),
        Action::Void => ApiRequest::post(path("void"), json!({ "reason": "by hand" })),
        Action::Cancel => ApiRequest::post(format!("/api/bookings/{booking}/cancel"), json!({})),
        Action::Refund => ApiRequest::post(path("refund"), json!({})),
        Action::PartialRefund => {
            let amount = format!("{}.50", 1 + client.random_below(60));
            ApiRequest::post(path("refund"), json!({ "amount": amount }))
                .header("idempotency-key", key)
        }
        Action::Reauthorize => ApiRequest::post(path("reauthorize"), json!({})),
    };
    let request = request.bearer(ADMIN_TOKEN);
    let first = client.send_with_retries(&request).await;
    if client.random_below(4) == 0 {
        let again = client.send_with_retries(&request).await;
        compare(client, action, first, again);
    }
}

/// Checks that a repeated refund request gives one refund. A request without a key may order a new
/// refund if PayPal has refused the first.
fn compare(
    client: &Client,
    action: Action,
    first: Option<ApiResponse>,
    again: Option<ApiResponse>,
) {
    let (Action::Refund | Action::PartialRefund, Some(first), Some(again)) = (action, first, again)
    else {
        return;
    };
    if !first.is_ok() || (again.is_ok() && first.body["refundId"] == again.body["refundId"]) {
        return;
    }
    let mut state = client.world.state();
    let id: Option<Uuid> = first.body["refundId"]
        .as_str()
        .and_then(|id| id.parse().ok());
    let is_refused = id
        .and_then(|id| state.checks.books.refunds.get(&id))
        .is_some_and(|refund| refund.status == "refused");
    if matches!(action, Action::PartialRefund) || !is_refused {
        let text = format!("{} and then {}", first.body, again.body);
        state
            .checks
            .report(format!("a repeated refund request returned {text}"));
    }
}
