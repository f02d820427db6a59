//! `POST /api/admin/bookings/{id}/capture` and `/reauthorize`, and what follows them. `/void` is with the cancellations,
//! `/refund` in `refund.rs`.

use crate::support::{
    cancellation::told,
    capture_cron::{results_of, run_cron},
    checkout::{self, Paid, paid, payment, read_back},
    client::{Answer, Client},
    database::Database,
    environment::new_uuid,
    isolation::{alone, together},
    local_system::{fault, no_faults, pass, pass_until},
    operator::{self, ask},
    paypal::exchanges_about,
    paypal_dashboard::books_of,
    rental::Rental,
};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

async fn capture(client: &Client, paid: &Paid) -> Answer {
    ask(client, paid.hold.id, "capture", &json!({})).await
}

async fn reauthorize(client: &Client, paid: &Paid) -> Answer {
    ask(client, paid.hold.id, "reauthorize", &json!({})).await
}

/// How often PayPal was asked to do it, for whatever answer.
async fn calls(database: &Database, paid: &Paid, operation: &str) -> usize {
    let exchanges = exchanges_about(database, paid.hold.id).await;
    exchanges.of(operation).len()
}

#[tokio::test]
async fn the_money_is_taken_now_and_once() {
    let _turn = together().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = paid(&client, None).await;
    let first = capture(&client, &paid).await;
    let answer = first.expect(200);
    assert_eq!(answer["success"], true);
    assert_eq!(answer["bookingId"], json!(paid.hold.id));
    assert_eq!(capture(&client, &paid).await.expect(200), answer);

    let booking = read_back(&client, &paid.hold).await;
    assert_eq!(booking["status"], "upcoming");
    assert_eq!(booking["payment"]["status"], "captured");
    assert_eq!(booking["payment"]["captureId"], answer["captureId"]);
    assert_eq!(
        books_of(&paid.order.id).await.captures(),
        [paid.hold.price.as_str()]
    );
    assert_eq!(
        calls(&database, &paid, "authorizations.capture").await,
        1,
        "the second time nobody asks PayPal"
    );
    let audited = operator::audited(&client, paid.hold.id, "capture.ordered").await;
    let [entry] = &audited[..] else {
        panic!("{audited:?}")
    };
    assert_eq!(entry["actor"], operator::OPERATOR);
    assert_eq!(entry["requestId"], first.header("x-request-id"));
}

#[tokio::test]
async fn captures_at_once_are_one() {
    let _turn = together().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = paid(&client, None).await;
    let answers = join_all((0..5).map(|_| capture(&client, &paid))).await;
    let settled = capture(&client, &paid).await.expect(200);
    for answer in &answers {
        if answer.status == 200 {
            assert_eq!(answer.json(), settled);
        } else {
            answer.problem(409, "payment_in_progress");
            answer.retry_after();
        }
    }
    assert_eq!(calls(&database, &paid, "authorizations.capture").await, 1);
}

#[tokio::test]
async fn what_is_not_authorized_is_neither_captured_nor_renewed() {
    let _turn = together().await;
    let client = Client::new();
    let held = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let ordered = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
    checkout::order(&client, &ordered, None).await;
    let cancelled = paid(&client, None).await.hold;
    checkout::cancel(&client, &cancelled).await;
    for action in ["capture", "reauthorize"] {
        for hold in [&held, &ordered, &cancelled] {
            ask(&client, hold.id, action, &json!({}))
                .await
                .problem(409, "payment_not_capturable");
        }
        ask(&client, new_uuid(), action, &json!({}))
            .await
            .problem(404, "booking_not_found");
        ask(&client, held.id, &format!("{action}/x"), &json!({}))
            .await
            .problem(404, "not_found");
    }
    let captured = paid(&client, None).await;
    capture(&client, &captured).await.expect(200);
    reauthorize(&client, &captured)
        .await
        .problem(409, "payment_not_capturable");
}

#[tokio::test]
async fn what_paypal_refuses_is_told() {
    let _turn = together().await;
    let client = Client::new();
    let declined = paid(&client, Some("SIMULATE_CAPTURE_DECLINED")).await;
    let refused = capture(&client, &declined).await;
    let refused = refused.problem(502, "payment_provider_refused");
    assert_eq!(refused["detail"], "PayPal answered TRANSACTION_REFUSED.");
    assert_eq!(payment(&client, &declined).await["status"], "failed");
    capture(&client, &declined)
        .await
        .problem(409, "payment_not_capturable");

    let busy = paid(&client, Some("SIMULATE_CAPTURE_BUSY_ONCE")).await;
    let answer = capture(&client, &busy).await;
    let problem = answer.problem(503, "payment_provider_unavailable");
    assert_eq!(problem["retryable"], true);
    answer.retry_after();
    capture(&client, &busy).await.expect(200);
    assert_eq!(
        books_of(&busy.order.id).await.captures(),
        [busy.hold.price.as_str()]
    );
}

#[tokio::test]
async fn a_lost_capture_is_found_by_the_same_request() {
    for (upstream, kind, path) in [
        ("paypal", "drop_answer", "/capture"),
        ("database", "drop_answer", "rpc/claim_payment_capture"),
    ] {
        alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = paid(&client, None).await;
            fault(upstream, json!({"kind": kind, "path": path, "times": 1})).await;
            let answer = capture(&client, &paid).await;
            let code = match upstream {
                "paypal" => "payment_provider_unavailable",
                _ => "database_unavailable",
            };
            answer.problem(503, code);
            answer.retry_after();
            if upstream == "database" {
                // Whoever claimed it may still be at work, as far as the database knows.
                capture(&client, &paid)
                    .await
                    .problem(409, "payment_in_progress");
                pass(SignedDuration::from_secs(121)).await;
            }
            let answer = capture(&client, &paid).await.expect(200);
            assert_eq!(
                payment(&client, &paid).await["captureId"],
                answer["captureId"]
            );
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(exchanges.request_ids("authorizations.capture").len(), 1);
            assert_eq!(
                books_of(&paid.order.id).await.captures(),
                [paid.hold.price.as_str()]
            );
            assert_eq!(database.open_operations(paid.hold.id).await, 0);
        })
        .await;
    }
}

/// What an operator ordered does not wait for the schedule, weeks ahead.
#[tokio::test]
async fn a_capture_that_failed_is_tried_again_by_the_cron() {
    for (kind, status) in [("drop_answer", "capturing"), ("answer", "authorized")] {
        alone(async move {
            let client = Client::new();
            let paid = paid(&client, None).await;
            fault(
                "paypal",
                json!({"kind": kind, "path": "/capture", "status": 429}),
            )
            .await;
            capture(&client, &paid)
                .await
                .problem(503, "payment_provider_unavailable");
            assert_eq!(payment(&client, &paid).await["status"], status);
            no_faults("paypal").await;
            pass(SignedDuration::from_mins(16)).await;
            let run = run_cron(&client).await;
            assert_eq!(results_of(&run, paid.hold.id)[0]["success"], true, "{run}");
            assert_eq!(
                books_of(&paid.order.id).await.captures(),
                [paid.hold.price.as_str()]
            );
        })
        .await;
    }
}

/// A run that is cut off while it renews has nothing to do with taking the money.
#[tokio::test]
async fn a_renewal_that_was_cut_off_takes_no_money_before_its_time() {
    alone(async {
        let client = Client::new();
        let paid = paid(&client, None).await;
        pass(SignedDuration::from_hours(73)).await;
        let cut_off = json!({"kind": "drop_answer", "path": "rpc/claim_reauthorization"});
        fault("database", cut_off).await;
        reauthorize(&client, &paid)
            .await
            .problem(503, "database_unavailable");
        no_faults("database").await;
        pass(SignedDuration::from_mins(16)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_of(&run, paid.hold.id), Vec::<Value>::new());
        capture(&client, &paid).await.expect(200);
    })
    .await;
}

/// PayPal renews from the fourth day on, once.
#[tokio::test]
async fn an_authorization_is_renewed_once_and_the_new_one_is_captured() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = paid(&client, None).await;
        let refused = reauthorize(&client, &paid).await;
        let refused = refused.problem(502, "payment_provider_refused");
        assert_eq!(
            refused["detail"],
            "PayPal answered REAUTHORIZATION_TOO_SOON."
        );
        assert_eq!(payment(&client, &paid).await["status"], "authorized");

        pass(SignedDuration::from_hours(73)).await;
        let answer = reauthorize(&client, &paid).await;
        let renewed = checkout::text(&answer.expect(200)["authorizationId"]);
        assert_ne!(renewed, paid.authorization);
        let shown = payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["authorizationId"]),
            (&json!("authorized"), &json!(renewed))
        );
        reauthorize(&client, &paid)
            .await
            .problem(502, "payment_provider_refused");
        let audited = operator::audited(&client, paid.hold.id, "reauthorization.ordered").await;
        assert_eq!(audited.len(), 3);
        assert_eq!(audited[1]["actor"], operator::OPERATOR);
        assert_eq!(audited[1]["requestId"], answer.header("x-request-id"));

        capture(&client, &paid).await.expect(200);
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        let paths: Vec<&Value> = exchanges
            .of("authorizations.capture")
            .iter()
            .map(|exchange| &exchange["path"])
            .collect();
        assert_eq!(
            paths,
            [&format!("/v2/payments/authorizations/{renewed}/capture")]
        );
        assert_eq!(exchanges.effects("authorizations.reauthorize"), 1);
        assert_eq!(
            books_of(&paid.order.id).await.captures(),
            [paid.hold.price.as_str()]
        );
    })
    .await;
}

/// A reauthorization cannot be voided; the authorization that it prolongs is.
#[tokio::test]
async fn a_renewed_authorization_is_given_back() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = paid(&client, None).await;
        pass(SignedDuration::from_hours(73)).await;
        reauthorize(&client, &paid).await.expect(200);
        let answer = ask(&client, paid.hold.id, "void", &json!({})).await;
        let refund = answer.expect(200)["refund"].clone();
        assert_eq!(refund, told(&paid.hold, 100, &paid.hold.price, "voided"));
        assert_eq!(
            books_of(&paid.order.id).await.authorizations(),
            ["VOIDED", "VOIDED"]
        );
        assert_eq!(payment(&client, &paid).await["status"], "voided");
        assert_eq!(calls(&database, &paid, "authorizations.void").await, 1);
    })
    .await;
}

#[tokio::test]
async fn renewals_at_once_are_one() {
    alone(async {
        let client = Client::new();
        let paid = paid(&client, None).await;
        pass(SignedDuration::from_hours(73)).await;
        // Nobody is done before the last has asked.
        let slow = json!({"kind": "delay", "delayMs": 1500, "path": "/reauthorize"});
        fault("paypal", slow).await;
        let answers = join_all((0..3).map(|_| reauthorize(&client, &paid))).await;
        no_faults("paypal").await;
        let (renewed, refused): (Vec<&Answer>, Vec<&Answer>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(renewed.len(), 1, "{answers:?}");
        for answer in refused {
            answer.problem(409, "payment_in_progress");
            answer.retry_after();
        }
        let shown = payment(&client, &paid).await;
        assert_eq!(
            shown["authorizationId"],
            renewed[0].expect(200)["authorizationId"]
        );
        assert_eq!(books_of(&paid.order.id).await.authorizations().len(), 2);
    })
    .await;
}

/// The new id must not get lost: it is the one whose funds PayPal honours.
#[tokio::test]
async fn a_lost_renewal_is_found_by_whoever_comes_next() {
    for (upstream, kind, path) in [
        ("paypal", "drop_answer", "/reauthorize"),
        ("database", "refuse", "rpc/record_reauthorization"),
        ("database", "drop_answer", "rpc/record_reauthorization"),
    ] {
        for next in ["operator", "cron"] {
            alone(async move {
                let (client, database) = (Client::new(), Database::open().await);
                // Captured while PayPal still honours what was renewed.
                let rental = Rental::between(&client, 2, 6, 7).await;
                let paid = checkout::pay(&client, &rental, Some("SIMULATE_FUNDS_LAPSE")).await;
                pass(SignedDuration::from_hours(73)).await;
                fault(upstream, json!({"kind": kind, "path": path})).await;
                let answer = reauthorize(&client, &paid).await;
                assert_eq!(answer.status, 503, "{kind} of {path}: {answer}");
                no_faults(upstream).await;
                if next == "cron" {
                    pass_until(paid.capture_at).await;
                    let run = run_cron(&client).await;
                    assert_eq!(results_of(&run, paid.hold.id)[0]["success"], true, "{run}");
                } else {
                    capture(&client, &paid).await.expect(200);
                }
                let exchanges = exchanges_about(&database, paid.hold.id).await;
                assert_eq!(
                    exchanges.effects("authorizations.reauthorize"),
                    1,
                    "{kind} of {path}, {next}"
                );
                assert_eq!(
                    books_of(&paid.order.id).await.captures(),
                    [paid.hold.price.as_str()]
                );
                assert_eq!(database.open_operations(paid.hold.id).await, 0);
            })
            .await;
        }
    }
}
