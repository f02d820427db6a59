//! Every first, second, … or seventh answer of PayPal is lost after its effect, or of the database to what is noted, while
//! customers, an operator and the crons do what they do: repeat, as they are told. In the end everything happened once. Single
//! losses are in `failures/lost_responses.rs`.

use crate::support::{
    cancellation::{parts, told},
    capture_cron::CAPTURES,
    checkout::{self, Hold, Order, Paid, ask_for_order, ask_to_authorize, cancel, payment},
    client::{Answer, Client},
    database::Database,
    environment::{new_uuid, variable},
    isolation::alone,
    local_system::{fault, no_faults, pass, pass_until},
    operator, paypal,
    paypal_dashboard::books_of,
    reconciliation::{found, reconcile_later},
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::future::Future;

/// Asks again, as often as a person would and after the time that the answer says, until it is another answer.
async fn insist<F: Future<Output = Answer>>(what: &str, ask: impl Fn() -> F) -> Value {
    for _ in 0..100 {
        let answer = ask().await;
        if answer.status < 300 {
            return answer.json();
        }
        assert!(matches!(answer.status, 409 | 503), "{what}: {answer}");
        assert_eq!(answer.json()["retryable"], true, "{what}: {answer}");
        let wait = i64::try_from(answer.retry_after()).unwrap();
        pass(SignedDuration::from_secs(wait)).await;
    }
    panic!("{what}: the hundredth time it was still in vain");
}

/// A customer holds, orders, approves and pays.
async fn customer(client: &Client, rental: &Rental) -> Paid {
    let hold = checkout::hold(client, rental).await;
    let made = insist("the order", || ask_for_order(client, &hold, None)).await;
    let order = Order {
        id: checkout::text(&made["orderID"]),
        approve_url: checkout::text(&made["approveUrl"]),
    };
    paypal::approve(&order.approve_url).await;
    let paid = insist("the authorization", || ask_to_authorize(client, &order)).await;
    assert_eq!(paid["status"], "upcoming", "{paid}");
    Paid {
        hold,
        order,
        authorization: checkout::text(&paid["authorizationId"]),
        capture_at: checkout::text(&paid["captureScheduledAt"]).parse().unwrap(),
    }
}

/// The cron comes every 16 minutes until nothing about these bookings is open.
async fn crons_until_quiet(client: &Client, database: &Database, all: [&Paid; 3]) {
    for _ in 0..40 {
        pass(SignedDuration::from_mins(16)).await;
        let secret = variable("CRON_SECRET");
        let run = client.stranger().get_as(&secret, CAPTURES).await;
        if run.status != 200 {
            // Cut off; the next one goes on.
            run.problem(503, "database_unavailable");
            continue;
        }
        let mut open = 0;
        for paid in all {
            open += database.open_operations(paid.hold.id).await;
        }
        if open == 0 {
            return;
        }
    }
    panic!("after forty runs something is still open");
}

/// The cancellation is settled, whatever was told the first time.
async fn assert_cancelled(client: &Client, hold: &Hold, percent: u32) {
    let (back, _) = parts(&hold.price, percent);
    assert_eq!(
        cancel(client, hold).await,
        told(hold, percent, &back, "voided")
    );
    let audited = operator::audited(client, hold.id, "booking.cancelled").await;
    assert_eq!(audited.len(), 1);
}

#[tokio::test]
async fn whichever_answers_of_paypal_are_lost_everything_happens_once() {
    for every in 1..=7 {
        alone(whole_story("paypal", "/v2/", every)).await;
    }
}

#[tokio::test]
async fn whichever_notes_are_lost_everything_happens_once() {
    for every in 1..=7 {
        alone(whole_story("database", "rpc/record_", every)).await;
    }
}

/// Three bookings: one is captured and partly refunded, one is given back, one is given back by half.
async fn whole_story(upstream: &str, path: &str, every: u32) {
    let (client, database) = (Client::new(), Database::open().await);
    let (early, late, soon) = (
        Rental::between(&client, 2, 4, 5).await,
        Rental::far_ahead(&client, 2).await,
        Rental::soon(&client, 2).await,
    );
    // If each were lost for ever, nobody could ever pay.
    let times = if every == 1 { 10 } else { 1_000 };
    let lossy = json!({"kind": "drop_answer", "path": path, "every": every, "times": times});
    fault(upstream, lossy).await;

    let half = customer(&client, &early).await;
    let all = customer(&client, &late).await;
    let kept = customer(&client, &soon).await;
    let bookings = [&half, &all, &kept];
    cancel(&client, &all.hold).await;
    pass_until(early.noon_before(3)).await;
    cancel(&client, &half.hold).await;
    pass_until(kept.capture_at).await;
    crons_until_quiet(&client, &database, bookings).await;
    assert_eq!(
        payment(&client, &kept).await["status"],
        "captured",
        "every {every}"
    );
    let (key, part) = (new_uuid().to_string(), json!({"amount": "10.00"}));
    insist("the refund", || {
        operator::ask_under_key(&client, kept.hold.id, "refund", &key, &part)
    })
    .await;
    crons_until_quiet(&client, &database, bookings).await;
    no_faults(upstream).await;
    assert_once(&client, &database, bookings, every).await;
}

/// Each of the three came to its end, and to it alone.
async fn assert_once(
    client: &Client,
    database: &Database,
    [half, all, kept]: [&Paid; 3],
    every: u32,
) {
    let books = books_of(&kept.order.id).await;
    assert_eq!(
        (books.captures(), books.refunds()),
        (vec![kept.hold.price.clone()], vec!["10.00".to_owned()]),
        "every {every}"
    );
    let shown = payment(client, kept).await;
    assert_eq!(
        (&shown["status"], &shown["refundedAmount"]),
        (&json!("partially_refunded"), &json!("10.00"))
    );

    let books = books_of(&all.order.id).await;
    assert_eq!(
        (books.authorizations(), books.captures()),
        (vec!["VOIDED".to_owned()], vec![]),
        "every {every}"
    );
    assert_eq!(payment(client, all).await["status"], "voided");
    assert_cancelled(client, &all.hold, 100).await;

    let books = books_of(&half.order.id).await;
    let (_, rest) = parts(&half.hold.price, 50);
    assert_eq!(
        (books.captures(), books.refunds()),
        (vec![rest], vec![]),
        "every {every}"
    );
    assert_eq!(payment(client, half).await["status"], "captured");
    assert_cancelled(client, &half.hold, 50).await;

    let drift = reconcile_later(client).await;
    for paid in [half, all, kept] {
        assert_eq!(
            database.payments(paid.hold.id).await.len(),
            1,
            "every {every}"
        );
        assert_eq!(
            found(&drift, paid.hold.id),
            Vec::<Value>::new(),
            "every {every}"
        );
    }
}
