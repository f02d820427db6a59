//! `GET, POST /api/admin/payments/reconcile`: what PayPal did and we do not know is learnt. What stays odd is in `drift.rs`.

use crate::support::{
    capture_cron::run_cron,
    checkout::{self, Order, ask_for_hold, ask_to_authorize, cancel, paid, payment, read_back},
    client::{Answer, Client},
    database::Database,
    environment::variable,
    isolation::{alone, together},
    local_system::{fault, no_faults, pass, pass_until, sign_in},
    operator::{self, captured_now},
    paypal::exchanges_about,
    paypal_dashboard::{self, books_of},
    reconciliation::{RECONCILE, found, reconcile, reconcile_later},
    rental::Rental,
};
use futures_util::future::join;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

/// An order whose authorization PayPal made, while we do not know and the customer does not come back.
async fn lost_authorization(client: &Client, hold: &checkout::Hold) -> Order {
    let order = checkout::approved_order(client, hold, None).await;
    fault(
        "paypal",
        json!({"kind": "drop_answer", "path": "/authorize"}),
    )
    .await;
    let show = format!("/v2/checkout/orders/{}", order.id);
    fault("paypal", json!({"kind": "refuse", "path": show})).await;
    ask_to_authorize(client, &order)
        .await
        .problem(503, "payment_provider_unavailable");
    no_faults("paypal").await;
    order
}

#[tokio::test]
async fn the_cron_and_operators_reconcile_and_nobody_else() {
    alone(async {
        let client = Client::new();
        let paid = paid(&client, None).await;
        paypal_dashboard::void(&paid.authorization).await;
        let admin = variable("ADMIN_TOKEN");
        let wrong = [
            admin[1..].to_owned(),
            variable("CRON_SECRET") + "x",
            paid.hold.token.clone(),
            sign_in("customer").await,
            String::new(),
        ];
        for method in [Method::GET, Method::POST] {
            let ask = || client.stranger().request(method.clone(), RECONCILE);
            for token in &wrong {
                Answer::of(ask().bearer_auth(token))
                    .await
                    .problem(401, "unauthenticated");
            }
            Answer::of(ask()).await.problem(401, "unauthenticated");
        }
        assert_eq!(payment(&client, &paid).await["status"], "authorized");

        let right = [admin, variable("CRON_SECRET"), sign_in("admin").await];
        let mut checked = Vec::new();
        for (token, method) in right.iter().zip([Method::POST, Method::POST, Method::GET]) {
            let request = client.stranger().request(method, RECONCILE);
            let answer = Answer::of(request.bearer_auth(token)).await.expect(200);
            assert_eq!(found(&answer, paid.hold.id), ["unpaid_booking"]);
            checked.push(answer["checked"].as_i64().unwrap());
        }
        assert!(checked[0] > 0);
        assert_eq!(
            checked[1..],
            [0, 0],
            "nothing is compared twice within the hour"
        );
        assert_eq!(payment(&client, &paid).await["status"], "voided");
    })
    .await;
}

#[tokio::test]
async fn the_drift_is_for_operators() {
    let _turn = together().await;
    let client = Client::new();
    let drift = operator::read(&client, "/api/admin/payments/drift").await;
    assert_eq!(drift["success"], true);
    assert!(
        drift["drift"].is_array() && drift["deadLetters"].is_array(),
        "{drift}"
    );
    client
        .get_as(&variable("CRON_SECRET"), "/api/admin/payments/drift")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_capture_that_was_not_noted_is_learnt() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        reconcile_later(&client).await;
        for trouble in ["drop_answer", "refuse"] {
            let paid = paid(&client, None).await;
            fault(
                "database",
                json!({"kind": trouble, "path": "rpc/record_capture"}),
            )
            .await;
            captured_now(&client, &paid).await;
            no_faults("database").await;
            let run = reconcile(&client).await;
            let repaired = i32::from(trouble == "refuse");
            assert_eq!(
                (&run["checked"], &run["repaired"]),
                (&json!(1), &json!(repaired)),
                "{run}"
            );
            let shown = payment(&client, &paid).await;
            assert_eq!(shown["status"], "captured", "{trouble}");
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            let [capture] = exchanges.of("authorizations.capture")[..] else {
                panic!("one capture")
            };
            assert_eq!(shown["captureId"], capture["responseBody"]["id"]);
            assert_eq!(database.open_operations(paid.hold.id).await, 0);
            assert_eq!(found(&run, paid.hold.id), Vec::<Value>::new());
        }
    })
    .await;
}

/// The cron and the comparison find the same lost capture at the same moment.
#[tokio::test]
async fn two_that_find_the_same_capture_agree() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
        pass_until(paid.capture_at).await;
        let lost =
            json!({"kind": "drop_answer", "path": format!("{}/capture", paid.authorization)});
        fault("paypal", lost).await;
        run_cron(&client).await;
        no_faults("paypal").await;
        pass(SignedDuration::from_mins(16)).await;
        join(run_cron(&client), reconcile(&client)).await;
        assert_eq!(payment(&client, &paid).await["status"], "captured");
        assert_eq!(
            books_of(&paid.order.id).await.captures(),
            [paid.hold.price.as_str()]
        );
        assert_eq!(database.open_operations(paid.hold.id).await, 0);
        let duplicates = "SELECT count(*) FROM security_events
                          WHERE kind = 'duplicate_capture' AND detail ->> 'bookingId' = $1::text";
        assert_eq!(
            database
                .number(duplicates, &[&paid.hold.id.to_string()])
                .await,
            0
        );
    })
    .await;
}

/// At once, and after the hold has lapsed.
#[tokio::test]
async fn a_lost_authorization_confirms_the_booking_without_its_customer() {
    for minutes in [0, 61] {
        alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = lost_authorization(&client, &hold).await;
            assert_eq!(read_back(&client, &hold).await["status"], "pending_payment");
            pass(SignedDuration::from_mins(minutes)).await;
            run_cron(&client).await;
            let run = reconcile(&client).await;
            let booking = read_back(&client, &hold).await;
            assert_eq!(booking["status"], "upcoming", "{minutes} minutes later");
            assert_eq!(booking["payment"]["status"], "authorized");
            assert!(booking["payment"]["captureScheduledAt"].is_string());
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.request_ids("orders.authorize").len(), 1);
            assert_eq!(books_of(&order.id).await.authorizations(), ["CREATED"]);
            assert_eq!(found(&run, hold.id), Vec::<Value>::new());
        })
        .await;
    }
}

#[tokio::test]
async fn a_lost_authorization_is_given_back_where_nobody_wants_it() {
    for is_cancelled in [true, false] {
        alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = lost_authorization(&client, &hold).await;
            let status = if is_cancelled {
                cancel(&client, &hold).await;
                "cancelled"
            } else {
                pass(SignedDuration::from_mins(61)).await;
                ask_for_hold(&client, &hold.rental).await.expect(201);
                "expired"
            };
            let run = reconcile(&client).await;
            assert_eq!(
                books_of(&order.id).await.authorizations(),
                ["VOIDED"],
                "{status}"
            );
            let booking = read_back(&client, &hold).await;
            assert_eq!(booking["status"], status);
            assert_eq!(booking["payment"]["status"], "voided");
            assert_eq!(database.open_operations(hold.id).await, 0);
            assert_eq!(found(&run, hold.id), Vec::<Value>::new());
        })
        .await;
    }
}

#[tokio::test]
async fn a_refund_in_the_dashboard_is_learnt() {
    alone(async {
        let client = Client::new();
        reconcile_later(&client).await;
        let paid = paid(&client, None).await;
        captured_now(&client, &paid).await;
        let capture = checkout::text(&payment(&client, &paid).await["captureId"]);
        paypal_dashboard::refund(&capture, "12.34", &paid.hold.currency).await;
        let run = reconcile(&client).await;
        assert_eq!(
            (&run["checked"], &run["repaired"]),
            (&json!(1), &json!(1)),
            "{run}"
        );
        let shown = payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["refundedAmount"]),
            (&json!("partially_refunded"), &json!("12.34"))
        );
        assert_eq!(found(&run, paid.hold.id), Vec::<Value>::new());

        let answer = operator::ask(&client, paid.hold.id, "refund", &json!({})).await;
        assert_eq!(answer.expect(200)["status"], "refunded", "all that is left");
        reconcile_later(&client).await;
        let shown = payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["refundedAmount"]),
            (&json!("refunded"), &json!(paid.hold.price))
        );
    })
    .await;
}

#[tokio::test]
async fn an_order_that_nobody_authorized_ends() {
    alone(async {
        let client = Client::new();
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        checkout::approved_order(&client, &hold, None).await;
        reconcile(&client).await;
        assert_eq!(
            read_back(&client, &hold).await["payment"]["status"],
            "created"
        );
        pass(SignedDuration::from_hours(7) + SignedDuration::from_mins(1)).await;
        let run = reconcile(&client).await;
        assert_eq!(found(&run, hold.id), Vec::<Value>::new());
        assert_eq!(
            read_back(&client, &hold).await["payment"]["status"],
            "expired"
        );
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_compared_is_compared_the_next_time() {
    alone(async {
        let client = Client::new();
        reconcile_later(&client).await;
        let paid = paid(&client, None).await;
        paypal_dashboard::void(&paid.authorization).await;
        for (upstream, code) in [("paypal", 200), ("database", 503)] {
            let about = match upstream {
                "paypal" => "/v2/checkout/orders",
                _ => "rpc/payments_to_reconcile",
            };
            fault(upstream, json!({"kind": "refuse", "path": about})).await;
            let secret = variable("CRON_SECRET");
            let answer = client.stranger().get_as(&secret, RECONCILE).await;
            if code == 200 {
                let run = answer.expect(200);
                assert_eq!(
                    (&run["success"], &run["checked"], &run["failed"]),
                    (&json!(false), &json!(0), &json!(1)),
                    "{run}"
                );
            } else {
                answer.problem(503, "database_unavailable");
            }
            no_faults(upstream).await;
            assert_eq!(payment(&client, &paid).await["status"], "authorized");
        }
        let run = reconcile(&client).await;
        assert_eq!(
            (&run["checked"], &run["repaired"]),
            (&json!(1), &json!(1)),
            "{run}"
        );
        assert_eq!(payment(&client, &paid).await["status"], "voided");
    })
    .await;
}
