//! Every operator's request is in the audit log, and every failed login in the security events.

use crate::support::{
    checkout::create_hold,
    client::{Client, Response},
    database::Database,
    environment::variable,
    isolation::{run_alone, share_system},
    local_system::{Role, advance_clock, eventually, sign_in},
    operator::{self, OPERATOR},
    rental::Rental,
    routes::all_routes,
};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

/// The rows that all requests of operators have, in order.
async fn rows_of(database: &Database, request_id: &str) -> Vec<Value> {
    let sql = "SELECT jsonb_build_object('actor', actor, 'action', action, 'subject', subject_type || ' ' || subject_id, 'detail', detail)
               FROM audit_log WHERE request_id = $1 AND action LIKE 'operator.%' ORDER BY id";
    database.rows(sql, &[&request_id]).await
}

/// Waits for this many rows. A slow database gets a row after the response.
async fn wait_for_rows(database: &Database, request_id: &str, count: usize) -> Vec<Value> {
    let expectation = format!("{count} rows of {request_id}");
    eventually(&expectation, 10, || async {
        let rows = rows_of(database, request_id).await;
        (rows.len() >= count).then_some(rows)
    })
    .await
}

#[tokio::test]
async fn every_request_of_operator_is_audited() {
    run_alone(async {
        let client = Client::new();
        let database = Database::open().await;
        let token = variable("ADMIN_TOKEN");
        let crons_only = ["/api/admin/process-payment-captures"];
        let routes = all_routes().into_iter().filter(|(path, _)| {
            path.starts_with("/api/admin/") && !crons_only.contains(&path.as_str())
        });
        for (path, methods) in routes.chain([("/api/demo/redis".to_owned(), "GET")]) {
            for method in methods.split(", ") {
                let request = client
                    .with_new_address()
                    .request(
                        method.parse().unwrap(),
                        &format!("{path}?search=x%40y.example"),
                    )
                    .bearer_auth(&token);
                let request = if method == "POST" {
                    request.json(&json!({}))
                } else {
                    request
                };
                let response = Response::to(request).await;
                let line = format!("{method} {path} {}", response.status);
                assert_ne!(response.status, 401, "{line}");
                let is_change = method != "GET" || methods.contains("POST");
                let actions: &[&str] = if is_change {
                    &["operator.change", "operator.outcome"]
                } else {
                    &["operator.read"]
                };
                let id = response.header("x-request-id");
                let rows = wait_for_rows(&database, id, actions.len()).await;
                let found: Vec<&Value> = rows.iter().map(|row| &row["action"]).collect();
                assert_eq!(found, actions, "{line}");
                let outcome = &rows[rows.len() - 1]["detail"];
                assert_eq!(outcome["status"], json!(response.status), "{line}");
                if response.status >= 400 {
                    assert_eq!(outcome["code"], response.json()["code"], "{line}");
                }
                for row in &rows {
                    assert_eq!(row["actor"], OPERATOR, "{line}");
                    assert_eq!(row["detail"]["method"], method, "{line}");
                    assert_eq!(row["detail"]["parameters"], json!(["search"]), "{line}");
                    assert!(!row.to_string().contains("example"), "{row}");
                }
            }
        }
    })
    .await;
}

/// The booking's id leads to each operator who read it.
#[tokio::test]
async fn operator_who_reads_booking_is_named() {
    let _guard = share_system().await;
    let client = Client::new();
    let database = Database::open().await;
    let hold = create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let path = format!("/api/bookings/{}", hold.id);
    let as_holder = client.get_as(&hold.token, &path).await;
    as_holder.expect(200);
    let admin = sign_in(Role::Admin).await;
    let as_operator = client.with_new_address().get_as(&admin, &path).await;
    as_operator.expect(200);
    let rows = wait_for_rows(&database, as_operator.header("x-request-id"), 1).await;
    let actor = rows[0]["actor"].as_str().unwrap();
    assert!(actor.starts_with("user:"), "{actor}");
    let subject = format!("booking {}", hold.id);
    assert_eq!(rows[0]["subject"], json!(subject));
    let request = as_holder.header("x-request-id");
    assert_eq!(rows_of(&database, request).await, Vec::<Value>::new());

    let path = format!("/api/admin/audit?subject={}&action=operator.read", hold.id);
    let found = operator::read(&client, &path).await;
    assert_eq!(found["entries"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["entries"][0]["actor"], json!(actor));
    let path = format!(
        "/api/admin/audit?requestId={}",
        as_operator.header("x-request-id")
    );
    let found = operator::read(&client, &path).await;
    assert_eq!(found["entries"].as_array().unwrap().len(), 1, "{found}");
}

#[tokio::test]
async fn failed_logins_are_recorded_without_address() {
    run_alone(async {
        // An instance records a limited number a minute, and other tests fail to log in too.
        advance_clock(SignedDuration::from_mins(3)).await;
        assert_failed_logins_recorded().await;
    })
    .await;
}

async fn assert_failed_logins_recorded() {
    let client = Client::new();
    let database = Database::open().await;
    let admin = variable("ADMIN_TOKEN");
    let wrong = format!("{admin}x");
    for (path, token, kind) in [
        (
            "/api/admin/metrics",
            wrong.as_str(),
            "operator_login_failed",
        ),
        (
            "/api/admin/process-payment-captures",
            &admin,
            "cron_login_failed",
        ),
        ("/api/admin/payments/reconcile", &wrong, "cron_login_failed"),
    ] {
        let request = client
            .with_address("203.0.113.77")
            .request(Method::GET, path);
        let response = Response::to(request.bearer_auth(token)).await;
        response.expect_problem(401, "unauthenticated");
        let sql = "SELECT jsonb_build_object('kind', kind, 'detail', detail) FROM security_events WHERE request_id = $1";
        let id = response.header("x-request-id");
        let event = eventually("the failed login is recorded", 10, || async {
            database.rows(sql, &[&id]).await.pop()
        })
        .await;
        assert_eq!(event["kind"], kind, "{path}");
        assert_eq!(event["detail"]["route"], path);
        let network = event["detail"]["network"].as_str().unwrap();
        assert!(
            network.ends_with("/24") || network.ends_with("/48"),
            "{event}"
        );
        assert!(!event.to_string().contains(&admin), "{event}");
        assert_eq!(rows_of(&database, id).await, Vec::<Value>::new());
    }
}
