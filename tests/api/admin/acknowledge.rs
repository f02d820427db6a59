//! `POST /api/admin/payments/findings/acknowledge`.
//! Pages of `GET /api/admin/payments/drift`.

use crate::support::{
    checkout::{PaidBooking, create_paid_booking, read_payment},
    client::{Client, Response},
    environment::{new_uuid, variable},
    isolation::{run_alone, share_system},
    operator::{self, OPERATOR},
    paypal_dashboard,
    reconciliation::{finding_kinds, reconcile, reconcile_later},
};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/admin/payments/findings/acknowledge";
const DRIFT: &str = "/api/admin/payments/drift";

async fn acknowledge(client: &Client, token: &str, body: &Value) -> Response {
    let request = client
        .with_new_address()
        .request(Method::POST, PATH)
        .bearer_auth(token);
    Response::to(request.json(body)).await
}

/// A paid booking whose authorization was voided in PayPal's console, and the acknowledgement of
/// the finding.
async fn unpaid_booking(client: &Client) -> (PaidBooking, Value) {
    let paid = create_paid_booking(client, None).await;
    paypal_dashboard::void(&paid.authorization).await;
    let run = reconcile(client).await;
    assert_eq!(finding_kinds(&run, paid.hold.id), ["unpaid_booking"]);
    let payment = read_payment(client, &paid).await["paymentId"].clone();
    let body = json!({"paymentId": payment, "kind": "unpaid_booking", "reason": "Paid in cash"});
    (paid, body)
}

#[tokio::test]
async fn acknowledged_finding_leaves_open_list() {
    run_alone(async {
        let client = Client::new();
        let (paid, body) = unpaid_booking(&client).await;
        let admin = variable("ADMIN_TOKEN");
        let response = acknowledge(&client, &admin, &body).await.expect(200);
        let finding = &response["finding"];
        assert_eq!(
            (
                &finding["paymentId"],
                &finding["kind"],
                &finding["acknowledgement"],
                &finding["acknowledgedBy"],
            ),
            (
                &body["paymentId"],
                &body["kind"],
                &json!("Paid in cash"),
                &json!(OPERATOR)
            )
        );
        for run in [
            operator::read(&client, DRIFT).await,
            reconcile_later(&client).await,
        ] {
            assert_eq!(finding_kinds(&run, paid.hold.id), Vec::<Value>::new());
        }
        let acknowledged = operator::read(&client, &format!("{DRIFT}?acknowledged=true")).await;
        assert_eq!(&acknowledged["drift"][0], finding, "the newest is first");

        let again =
            json!({"paymentId": body["paymentId"], "kind": "unpaid_booking", "reason": "x"});
        let repeated = acknowledge(&client, &admin, &again).await.expect(200);
        assert_eq!(&repeated["finding"], finding, "the first reason stays");
        let entries =
            operator::audit_entries_for_action(&client, paid.hold.id, "finding.acknowledged").await;
        let [entry] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert_eq!(
            (&entry["actor"], &entry["detail"]["reason"]),
            (&json!(OPERATOR), &json!("Paid in cash"))
        );
        assert!(entry["requestId"].is_string(), "{entry}");
    })
    .await;
}

#[tokio::test]
async fn only_operators_acknowledge() {
    run_alone(async {
        let client = Client::new();
        let (paid, body) = unpaid_booking(&client).await;
        for token in [
            variable("CRON_SECRET"),
            paid.hold.token.clone(),
            String::new(),
        ] {
            acknowledge(&client, &token, &body)
                .await
                .expect_problem(401, "unauthenticated");
        }
        let drift = operator::read(&client, DRIFT).await;
        assert_eq!(finding_kinds(&drift, paid.hold.id), ["unpaid_booking"]);
    })
    .await;
}

#[tokio::test]
async fn only_open_finding_is_acknowledged() {
    let _guard = share_system().await;
    let client = Client::new();
    let admin = variable("ADMIN_TOKEN");
    let body = json!({"paymentId": new_uuid(), "kind": "lapsing", "reason": "x"});
    acknowledge(&client, &admin, &body)
        .await
        .expect_problem(404, "finding_not_found");
    for (body, pointers) in [
        (json!({}), &["/paymentId", "/kind", "/reason"][..]),
        (
            json!({"paymentId": "x", "kind": "X", "reason": " "}),
            &["/paymentId", "/kind", "/reason"],
        ),
        (
            json!({"paymentId": new_uuid(), "kind": "lapsing", "reason": "x".repeat(201)}),
            &["/reason"],
        ),
    ] {
        let problem = acknowledge(&client, &admin, &body).await;
        let problem = problem.expect_problem(422, "invalid_fields");
        let errors = problem["errors"].as_array().unwrap().iter();
        let found: Vec<&Value> = errors.map(|error| &error["pointer"]).collect();
        assert_eq!(found, pointers, "{body}");
    }
}

#[tokio::test]
async fn drift_is_paged_newest_first() {
    run_alone(async {
        let client = Client::new();
        let (older, _) = unpaid_booking(&client).await;
        crate::support::local_system::advance_clock(jiff::SignedDuration::from_mins(1)).await;
        let (newer, _) = unpaid_booking(&client).await;
        let page = async |page: u32| {
            let drift = operator::read(&client, &format!("{DRIFT}?limit=1&page={page}")).await;
            let rows = drift["drift"].as_array().unwrap().clone();
            assert_eq!(rows.len(), 1, "{drift}");
            (rows[0]["bookingId"].clone(), drift["pagination"].clone())
        };
        let (first, pagination) = page(1).await;
        assert_eq!(first, json!(newer.hold.id));
        assert_eq!(
            (
                &pagination["page"],
                &pagination["limit"],
                &pagination["hasNext"]
            ),
            (&json!(1), &json!(1), &json!(true))
        );
        assert_eq!(page(2).await.0, json!(older.hold.id));
        for query in ["page=0", "limit=0", "limit=201", "acknowledged=yes"] {
            let path = format!("{DRIFT}?{query}");
            let response = client.get_as(&variable("ADMIN_TOKEN"), &path).await;
            response.expect_problem(422, "invalid_fields");
        }
    })
    .await;
}
