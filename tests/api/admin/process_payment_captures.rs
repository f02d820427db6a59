//! `GET, POST /api/admin/process-payment-captures`.

use crate::support::{
    capture_cron::{CAPTURES_PATH, results_for, run_cron},
    checkout::{self, read_payment},
    client::{Client, Response},
    database::Database,
    environment::variable,
    isolation::{run_alone, share_system},
    local_system::{advance_clock, advance_clock_past},
    paypal::exchanges_about,
    rental::Rental,
};
use futures_util::future::join;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

/// A booking whose money is due, while the cron has not come yet.
async fn due(client: &Client, description: Option<&str>) -> checkout::PaidBooking {
    let rental = Rental::soon(client, 2).await;
    let paid = checkout::pay(client, &rental, description).await;
    advance_clock_past(paid.capture_at).await;
    paid
}

#[tokio::test]
async fn without_a_secret_it_says_that_it_runs_and_does_nothing() {
    run_alone(async {
        let client = Client::new();
        let paid = due(&client, None).await;
        for method in [Method::GET, Method::POST] {
            let response = Response::to(client.request(method, CAPTURES_PATH))
                .await
                .expect(200);
            assert_eq!(response["success"], true);
            assert_eq!(response["message"], "Payment capture processor is running");
            assert_eq!(
                (&response["processed_count"], &response["results"]),
                (&json!(0), &json!([]))
            );
        }
        assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
        assert_eq!(
            exchanges_about(&Database::open().await, paid.hold.id)
                .await
                .of("authorizations.capture")
                .len(),
            0
        );
    })
    .await;
}

#[tokio::test]
async fn with_a_wrong_secret_it_does_nothing() {
    run_alone(async {
        let client = Client::new();
        let paid = due(&client, None).await;
        let secret = variable("CRON_SECRET");
        let wrong = [
            variable("ADMIN_TOKEN"),
            secret.to_uppercase() + "x",
            secret[..secret.len() - 1].to_owned(),
            format!("{secret}, {secret}"),
            String::new(),
        ];
        for token in &wrong {
            for method in [Method::GET, Method::POST] {
                let response =
                    Response::to(client.request(method, CAPTURES_PATH).bearer_auth(token)).await;
                response.expect_problem(401, "unauthenticated");
                assert_eq!(response.header("www-authenticate"), "Bearer");
            }
        }
        let basic = client
            .request(Method::GET, CAPTURES_PATH)
            .basic_auth("cron", Some(&secret));
        Response::to(basic)
            .await
            .expect_problem(401, "unauthenticated");
        assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
    })
    .await;
}

#[tokio::test]
async fn with_the_secret_it_captures_what_is_due_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = due(&client, None).await;
        let run = run_cron(&client).await;
        let [result] = &results_for(&run, paid.hold.id)[..] else {
            panic!("{run}")
        };
        assert_eq!(result["success"], true, "{run}");
        let shown = read_payment(&client, &paid).await;
        assert_eq!(shown["status"], "captured");
        assert_eq!(shown["captureId"], result["capture_id"]);

        assert_eq!(
            results_for(&run_cron(&client).await, paid.hold.id),
            Vec::<Value>::new()
        );
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        let [capture] = exchanges.of("authorizations.capture")[..] else {
            panic!("one capture")
        };
        assert_eq!(
            capture["requestBody"]["amount"],
            json!({"currency_code": paid.hold.currency, "value": paid.hold.price})
        );
        assert_eq!(capture["requestBody"]["final_capture"], true);
    })
    .await;
}

#[tokio::test]
async fn a_post_works_like_a_get_and_the_last_run_is_shown() {
    run_alone(async {
        let client = Client::new();
        let paid = due(&client, None).await;
        let request = client
            .request(Method::POST, CAPTURES_PATH)
            .bearer_auth(variable("CRON_SECRET"));
        let run = Response::to(request).await.expect(200);
        assert_eq!(results_for(&run, paid.hold.id).len(), 1);
        let last = client.get(CAPTURES_PATH).await.expect(200)["lastRun"].clone();
        assert_eq!(last["name"], "process-payment-captures");
        let results = run["results"].as_array().unwrap();
        let captured = results
            .iter()
            .filter(|result| result["success"] == true)
            .count();
        assert_eq!(last["processed"], json!(captured));
        assert_eq!(last["failed"], json!(results.len() - captured));
        assert!(
            last["startedAt"].is_string() && last["finishedAt"].is_string(),
            "{last}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_not_due_is_left_alone() {
    let _turn = share_system().await;
    let client = Client::new();
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    assert_eq!(
        results_for(&run_cron(&client).await, paid.hold.id),
        Vec::<Value>::new()
    );
    assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
}

#[tokio::test]
async fn two_runs_at_once_capture_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let mut all = Vec::new();
        for _ in 0..3 {
            let rental = Rental::soon(&client, 2).await;
            all.push(checkout::pay(&client, &rental, None).await);
        }
        for paid in &all {
            advance_clock_past(paid.capture_at).await;
        }
        let (one, other) = join(run_cron(&client), run_cron(&client)).await;
        for paid in &all {
            let results = [
                results_for(&one, paid.hold.id),
                results_for(&other, paid.hold.id),
            ]
            .concat();
            assert_eq!(results.len(), 1, "{one} {other}");
            assert_eq!(results[0]["success"], true, "{one} {other}");
            assert_eq!(
                exchanges_about(&database, paid.hold.id)
                    .await
                    .of("authorizations.capture")
                    .len(),
                1
            );
            assert_eq!(read_payment(&client, paid).await["status"], "captured");
        }
    })
    .await;
}

#[tokio::test]
async fn a_capture_that_paypal_is_too_busy_for_is_tried_again_later() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = due(&client, Some("SIMULATE_CAPTURE_BUSY_ONCE")).await;
        let run = run_cron(&client).await;
        assert_eq!(
            results_for(&run, paid.hold.id)[0]["success"],
            false,
            "{run}"
        );
        assert_eq!(
            results_for(&run_cron(&client).await, paid.hold.id),
            Vec::<Value>::new(),
            "not before its time"
        );
        advance_clock(SignedDuration::from_mins(16)).await;
        assert_eq!(
            results_for(&run_cron(&client).await, paid.hold.id)[0]["success"],
            true
        );
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        assert_eq!(exchanges.request_ids("authorizations.capture").len(), 1);
        assert_eq!(read_payment(&client, &paid).await["status"], "captured");
    })
    .await;
}

#[tokio::test]
async fn a_capture_that_paypal_declines_waits_for_an_operator() {
    run_alone(async {
        let client = Client::new();
        let paid = due(&client, Some("SIMULATE_CAPTURE_DECLINED")).await;
        let run = run_cron(&client).await;
        let [result] = &results_for(&run, paid.hold.id)[..] else {
            panic!("{run}")
        };
        assert_eq!(
            (&result["success"], &result["error"]),
            (&json!(false), &json!("TRANSACTION_REFUSED"))
        );
        assert_eq!(read_payment(&client, &paid).await["status"], "failed");
        advance_clock(SignedDuration::from_hours(25)).await;
        assert_eq!(
            results_for(&run_cron(&client).await, paid.hold.id),
            Vec::<Value>::new()
        );
    })
    .await;
}

/// PayPal honours the funds for three days; after that it is asked again before the money is taken. A rental that is
/// farther ahead than an authorization lives is captured on the authorization's last days, and needs it all the more.
#[tokio::test]
async fn an_old_authorization_is_renewed_before_it_is_captured() {
    for (least, most) in [(8, 24), (60, 300)] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let rental = Rental::between(&client, 2, least, most).await;
            let paid = checkout::pay(&client, &rental, Some("SIMULATE_FUNDS_LAPSE")).await;
            advance_clock_past(paid.capture_at).await;
            let run = run_cron(&client).await;
            assert_eq!(
                results_for(&run, paid.hold.id)[0]["success"],
                true,
                "{least} days ahead: {run}"
            );
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(exchanges.effects("authorizations.reauthorize"), 1);
            assert_eq!(exchanges.effects("authorizations.capture"), 1);
            let shown = read_payment(&client, &paid).await;
            assert_eq!(shown["status"], "captured");
            assert_ne!(shown["authorizationId"], json!(paid.authorization));
        })
        .await;
    }
}
