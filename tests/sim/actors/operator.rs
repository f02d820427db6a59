//! An operator: captures, voids, refunds, renews and cancels, by hand, now and then more than once.

use super::caller::{Caller, Question, Reply};
use crate::{instances::ADMIN_TOKEN, world::World};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// What an operator can do to a booking.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Capture,
    Void,
    Cancel,
    Refund,
    RefundPart,
    Reauthorize,
}

/// Lives an operator's life.
pub(crate) async fn live(world: Arc<World>, number: u64, pace: u64) {
    let mut deeds = 0;
    while world.is_lively() {
        let minutes = world.state().random.between(1, pace);
        world.sleep(Duration::from_secs(60 * minutes)).await;
        deeds += 1;
        let key = format!("deed-{deeds}-of-operator-{number}");
        act_once(Arc::clone(&world), number, key).await;
    }
}

/// Does one thing to some booking.
pub(crate) async fn act_once(world: Arc<World>, number: u64, key: String) {
    let caller = Caller::new(&world, format!("203.0.113.{}", 100 + number));
    if let Some(booking) = any_booking(&world) {
        act(&caller, booking, &key).await;
    }
}

fn any_booking(world: &World) -> Option<Uuid> {
    let mut state = world.state();
    let bookings: Vec<Uuid> = state.checks.books.bookings.keys().copied().collect();
    (!bookings.is_empty()).then(|| state.random.pick(&bookings))
}

/// Mostly what makes sense for where the booking's money is.
fn choose(world: &World, booking: Uuid) -> Deed {
    let mut state = world.state();
    let books = &state.checks.books;
    let has = |statuses: &[&str]| {
        books
            .payments_of(booking)
            .any(|payment| statuses.contains(&payment.status.as_str()))
    };
    let is_taken = has(&["captured", "partially_refunded"]);
    let is_held = has(&["authorized", "capturing"]);
    let [held, taken] = [is_held, is_taken].map(|is_so| if is_so { 10 } else { 1 });
    state.random.weighted(&[
        (2 * held, Deed::Capture),
        (held, Deed::Void),
        (2 * held, Deed::Reauthorize),
        (2, Deed::Cancel),
        (taken, Deed::Refund),
        (3 * taken, Deed::RefundPart),
    ])
}

async fn act(caller: &Caller, booking: Uuid, key: &str) {
    let deed = choose(&caller.world, booking);
    let path = |verb: &str| format!("/api/admin/bookings/{booking}/{verb}");
    let question = match deed {
        Deed::Capture => Question::post(path("capture"), json!({})),
        Deed::Void => Question::post(path("void"), json!({ "reason": "by hand" })),
        Deed::Cancel => Question::post(format!("/api/bookings/{booking}/cancel"), json!({})),
        Deed::Refund => Question::post(path("refund"), json!({})),
        Deed::RefundPart => {
            let amount = format!("{}.50", 1 + caller.chance(60));
            Question::post(path("refund"), json!({ "amount": amount }))
                .header("idempotency-key", key)
        }
        Deed::Reauthorize => Question::post(path("reauthorize"), json!({})),
    };
    let question = question.bearer(ADMIN_TOKEN);
    let first = caller.insist(&question).await;
    if caller.chance(4) == 0 {
        let again = caller.insist(&question).await;
        compare(caller, deed, first, again);
    }
}

/// The same refund, asked for twice, is one refund. Without a key it is ordered anew once PayPal has refused it.
fn compare(caller: &Caller, deed: Deed, first: Option<Reply>, again: Option<Reply>) {
    let (Deed::Refund | Deed::RefundPart, Some(first), Some(again)) = (deed, first, again) else {
        return;
    };
    if !first.is_ok() || (again.is_ok() && first.body["refundId"] == again.body["refundId"]) {
        return;
    }
    let mut state = caller.world.state();
    let id: Option<Uuid> = first.body["refundId"]
        .as_str()
        .and_then(|id| id.parse().ok());
    let is_refused = id
        .and_then(|id| state.checks.books.refunds.get(&id))
        .is_some_and(|refund| refund.status == "refused");
    if matches!(deed, Deed::RefundPart) || !is_refused {
        let text = format!("{} was answered {}", first.body, again.body);
        state
            .checks
            .violated(format!("a refund that was repeated: {text}"));
    }
}
