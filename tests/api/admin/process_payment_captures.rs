//! `GET, POST /api/admin/process-payment-captures`.

use crate::support::{
    capture_cron::{CAPTURES_PATH, create_due_payment, results_for, run_cron, run_cron_for},
    checkout::{self, read_payment},
    client::{Client, Response},
    database::Database,
    environment::variable,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::{run_alone, share_system},
    local_system::{advance_clock, advance_clock_past},
    paypal::exchanges_about,
    paypal_behaviour::{reset_behaviours, set_behaviour},
    rental::Rental,
};
use futures_util::future::join;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn without_secret_cron_reports_and_does_nothing() {
    run_alone(async {
        let client = Client::new();
        let paid = create_due_payment(&client, None).await;
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
async fn wrong_cron_secret_captures_nothing() {
    run_alone(async {
        let client = Client::new();
        let paid = create_due_payment(&client, None).await;
        let secret = variable("CRON_SECRET");
        let wrong_tokens = [
            variable("ADMIN_TOKEN"),
            secret.to_uppercase() + "x",
            secret[..secret.len() - 1].to_owned(),
            format!("{secret}, {secret}"),
            String::new(),
        ];
        for token in &wrong_tokens {
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
async fn cron_captures_due_payment_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_due_payment(&client, None).await;
        let result = run_cron_for(&client, &paid).await;
        assert_eq!(result["success"], true, "{result}");
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
async fn post_runs_cron_and_last_run_shows() {
    run_alone(async {
        let client = Client::new();
        let paid = create_due_payment(&client, None).await;
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
async fn cron_skips_payment_not_due() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    assert_eq!(
        results_for(&run_cron(&client).await, paid.hold.id),
        Vec::<Value>::new()
    );
    assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
}

#[tokio::test]
async fn concurrent_runs_capture_each_payment_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let mut payments = Vec::new();
        for _ in 0..3 {
            let rental = Rental::soon(&client, 2).await;
            payments.push(checkout::pay(&client, &rental, None).await);
        }
        for paid in &payments {
            advance_clock_past(paid.capture_at).await;
        }
        let (one, other) = join(run_cron(&client), run_cron(&client)).await;
        for paid in &payments {
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
async fn busy_paypal_delays_capture() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_due_payment(&client, Some("SIMULATE_CAPTURE_BUSY_ONCE")).await;
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
async fn declined_capture_is_retried_later_and_later() {
    run_alone(async {
        let client = Client::new();
        let paid = create_due_payment(&client, Some("SIMULATE_CAPTURE_DECLINED")).await;
        let result = run_cron_for(&client, &paid).await;
        assert_eq!(
            (&result["success"], &result["error"]),
            (&json!(false), &json!("TRANSACTION_REFUSED"))
        );
        assert_eq!(read_payment(&client, &paid).await["status"], "failed");
        for (minutes, attempts) in [(5, 0), (10, 1), (10, 0), (15, 1)] {
            advance_clock(SignedDuration::from_mins(minutes)).await;
            let results = results_for(&run_cron(&client).await, paid.hold.id);
            assert_eq!(results.len(), attempts, "after {minutes} minutes");
        }
    })
    .await;
}

/// PayPal honors the funds for three days. Older authorizations need a reauthorization.
///
/// The second rental starts after its authorization expires, so the capture comes before that.
#[tokio::test]
async fn cron_reauthorizes_old_authorization_before_capture() {
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

/// PayPal may answer with an id and a status alone, whatever was preferred.
#[tokio::test]
async fn minimal_responses_are_enough() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::between(&client, 2, 8, 24).await;
        let paid = checkout::pay(&client, &rental, Some("SIMULATE_FUNDS_LAPSE")).await;
        for operation in ["authorizations.reauthorize", "authorizations.capture"] {
            set_behaviour(
                &json!({"kind": "minimal", "operation": operation, "order": paid.order.id}),
            )
            .await;
        }
        advance_clock_past(paid.capture_at).await;
        let run = run_cron(&client).await;
        assert_eq!(results_for(&run, paid.hold.id)[0]["success"], true, "{run}");
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        assert_eq!(exchanges.of("authorizations.reauthorize").len(), 1);
        assert_eq!(exchanges.of("authorizations.capture").len(), 1);
        assert_eq!(read_payment(&client, &paid).await["status"], "captured");
        reset_behaviours().await;
    })
    .await;
}

/// Without a usable answer to the reauthorization, the old authorization is captured.
#[tokio::test]
async fn unknown_reauthorization_does_not_prevent_capture() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::between(&client, 2, 8, 24).await;
        let paid = checkout::pay(&client, &rental, None).await;
        let unusable = Fault::respond(200, "{}").on_path("/reauthorize");
        set_fault(Upstream::PayPal, unusable).await;
        advance_clock_past(paid.capture_at).await;
        let run = run_cron(&client).await;
        assert_eq!(
            results_for(&run, paid.hold.id)[0]["success"],
            false,
            "{run}"
        );
        advance_clock(SignedDuration::from_mins(15)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_for(&run, paid.hold.id)[0]["success"], true, "{run}");
        clear_faults(Upstream::PayPal).await;
        let shown = read_payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["authorizationId"]),
            (&json!("captured"), &json!(paid.authorization))
        );
        assert_eq!(database.open_operations(paid.hold.id).await, 0);
    })
    .await;
}
