//! Cancellations while something is down, or whose answers are lost: what is owed is settled all the same, and once.

use crate::support::{
    cancellation::{refund_body, split_price},
    capture_cron::run_cron,
    checkout::{PaidBooking, cancel, pay_and_wait, read_booking, request_cancellation},
    client::Client,
    database::Database,
    isolation::run_alone,
    local_system::{advance_clock, clear_faults, set_fault},
    operator::{self, capture_now},
    paypal::exchanges_about,
    paypal_dashboard::read_paypal_order,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A way in which a cancellation is settled at PayPal.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Before the pick-up.
    days: i64,
    /// Given back.
    percent: u32,
    /// Whether the money was taken before.
    is_captured: bool,
    /// The end of the path of the call to PayPal, and its name among the exchanges.
    call: (&'static str, &'static str),
    /// What takes the lease before it and what records it afterwards.
    functions: (&'static str, &'static str),
}

const WAYS: [Way; 3] = [
    Way {
        days: 8,
        percent: 100,
        is_captured: false,
        call: ("/void", "authorizations.void"),
        functions: ("rpc/begin_void", "rpc/record_void"),
    },
    Way {
        days: 3,
        percent: 50,
        is_captured: false,
        call: ("/capture", "authorizations.capture"),
        functions: ("rpc/claim_payment_capture", "rpc/record_capture"),
    },
    Way {
        days: 3,
        percent: 50,
        is_captured: true,
        call: ("/refund", "captures.refund"),
        functions: ("rpc/begin_refund", "rpc/record_refund"),
    },
];

async fn paid_for(client: &Client, way: Way) -> PaidBooking {
    let paid = pay_and_wait(client, way.days, None).await;
    if way.is_captured {
        capture_now(client, &paid).await;
    }
    paid
}

/// What is told of the money, while it waits and once it is settled.
fn answers(paid: &PaidBooking, way: Way) -> [Value; 2] {
    let (back, _) = split_price(&paid.hold.price, way.percent);
    let settled = if way.is_captured {
        "refunded"
    } else {
        "voided"
    };
    ["pending", settled].map(|status| refund_body(&paid.hold, way.percent, &back, status))
}

/// The cron comes, after whoever was at work must have given up.
async fn crons_come(client: &Client) {
    advance_clock(SignedDuration::from_mins(16)).await;
    run_cron(client).await;
}

/// Everything is as if nothing had gone wrong.
async fn assert_settled_once(client: &Client, database: &Database, paid: &PaidBooking, way: Way) {
    let [_, settled] = answers(paid, way);
    assert_eq!(cancel(client, &paid.hold).await, settled, "{way:?}");
    let (back, kept) = split_price(&paid.hold.price, way.percent);
    let paypal_order = read_paypal_order(&paid.order.id).await;
    let (state, captures, refunds) = match (way.percent, way.is_captured) {
        (100, _) => ("VOIDED", vec![], vec![]),
        (_, false) => ("CAPTURED", vec![kept], vec![]),
        (_, true) => ("CAPTURED", vec![paid.hold.price.clone()], vec![back]),
    };
    assert_eq!(paypal_order.authorizations(), [state], "{way:?}");
    assert_eq!(
        (paypal_order.captures(), paypal_order.refunds()),
        (captures, refunds),
        "{way:?}"
    );
    let exchanges = exchanges_about(database, paid.hold.id).await;
    assert_eq!(exchanges.request_ids(way.call.1).len(), 1, "{way:?}");
    assert_eq!(database.open_operations(paid.hold.id).await, 0, "{way:?}");
    let audited =
        operator::audit_entries_for_action(client, paid.hold.id, "booking.cancelled").await;
    assert_eq!(audited.len(), 1, "{way:?}");
}

#[tokio::test]
async fn paypal_down_cron_settles_cancellation() {
    for way in WAYS {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = paid_for(&client, way).await;
            set_fault("paypal", json!({"kind": "refuse"})).await;
            let [pending, _] = answers(&paid, way);
            for _ in 0..2 {
                assert_eq!(cancel(&client, &paid.hold).await, pending, "{way:?}");
            }
            assert_eq!(
                read_booking(&client, &paid.hold).await["status"],
                "cancelled"
            );
            let free = client.get(&paid.hold.rental.availability_path()).await;
            assert_eq!(free.expect(200)["bookable"], true);
            crons_come(&client).await;
            assert_eq!(cancel(&client, &paid.hold).await, pending, "{way:?}");
            clear_faults("paypal").await;
            // The second wait is twice as long.
            advance_clock(SignedDuration::from_mins(31)).await;
            run_cron(&client).await;
            assert_settled_once(&client, &database, &paid, way).await;
        })
        .await;
    }
}

/// Where nothing can have happened there is nothing to ask about first.
#[tokio::test]
async fn paypal_busy_repeated_request_settles_cancellation() {
    let busy = json!({"kind": "answer", "status": 429, "body": json!({"name": "RATE_LIMIT_REACHED"}).to_string()});
    for way in WAYS {
        let busy = busy.clone();
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = paid_for(&client, way).await;
            set_fault("paypal", busy).await;
            let [pending, _] = answers(&paid, way);
            assert_eq!(cancel(&client, &paid.hold).await, pending, "{way:?}");
            clear_faults("paypal").await;
            assert_settled_once(&client, &database, &paid, way).await;
        })
        .await;
    }
}

#[tokio::test]
async fn lost_paypal_response_settled_by_cron() {
    for way in WAYS {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = paid_for(&client, way).await;
            set_fault(
                "paypal",
                json!({"kind": "drop_answer", "path": way.call.0, "times": 1}),
            )
            .await;
            let [pending, _] = answers(&paid, way);
            assert_eq!(cancel(&client, &paid.hold).await, pending, "{way:?}");
            crons_come(&client).await;
            assert_settled_once(&client, &database, &paid, way).await;
        })
        .await;
    }
}

/// PayPal has done it, or was about to be asked, and the database does not know or did not say.
#[tokio::test]
async fn lost_database_record_settled_by_cron() {
    for way in WAYS {
        let (before, after) = way.functions;
        for (trouble, function) in [
            ("drop_answer", before),
            ("refuse", before),
            ("drop_answer", after),
            ("refuse", after),
        ] {
            run_alone(async move {
                let (client, database) = (Client::new(), Database::open().await);
                let paid = paid_for(&client, way).await;
                set_fault("database", json!({"kind": trouble, "path": function})).await;
                let [pending, settled] = answers(&paid, way);
                // What PayPal confirmed is told, also when a capture could not be noted.
                let first = if function == "rpc/record_capture" {
                    settled
                } else {
                    pending
                };
                let told = cancel(&client, &paid.hold).await;
                assert_eq!(told, first, "{trouble} of {function}");
                clear_faults("database").await;
                crons_come(&client).await;
                assert_settled_once(&client, &database, &paid, way).await;
            })
            .await;
        }
    }
}

#[tokio::test]
async fn lost_cancellation_response_repeats_safely() {
    for way in WAYS {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = paid_for(&client, way).await;
            set_fault(
                "database",
                json!({"kind": "drop_answer", "path": "rpc/cancel_booking", "times": 1}),
            )
            .await;
            let response = request_cancellation(&client, &paid.hold.token, paid.hold.id).await;
            response.expect_problem(503, "database_unavailable");
            response.retry_after();
            assert_settled_once(&client, &database, &paid, way).await;
        })
        .await;
    }
}

/// Nobody repeats it: the cron finds what the decision owes.
#[tokio::test]
async fn interrupted_cancellation_settled_by_cron() {
    for way in WAYS {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = paid_for(&client, way).await;
            set_fault(
                "database",
                json!({"kind": "drop_answer", "path": "rpc/cancel_booking", "times": 1}),
            )
            .await;
            request_cancellation(&client, &paid.hold.token, paid.hold.id)
                .await
                .expect_problem(503, "database_unavailable");
            crons_come(&client).await;
            assert_eq!(database.open_operations(paid.hold.id).await, 0);
            let calls = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(calls.of(way.call.1).len(), 1, "{way:?}");
            assert_settled_once(&client, &database, &paid, way).await;
        })
        .await;
    }
}
