//! The operators' lists by key, and as CSV.

use crate::support::{
    checkout::{self, Hold, hold_from},
    client::{Client, Response},
    environment::{new_uuid, variable},
    isolation::share_system,
    operator,
    rental::Rental,
};
use reqwest::Method;
use serde_json::{Value, json};

const BOOKINGS: &str = "/api/admin/bookings";
const AUDIT: &str = "/api/admin/audit";

/// Holds for a customer with a name of its own, newest first. The name begins like a formula.
async fn holds_of(client: &Client, name: &str, count: usize) -> Vec<Hold> {
    let mut holds = Vec::new();
    for _ in 0..count {
        let rental = Rental::far_ahead(client, 2).await;
        let mut body = rental.body();
        body["customer"] = json!({"fullName": name, "email": format!("{}@example.com", new_uuid()), "phone": "+49 30 1234567"});
        let response = client.with_new_address().post("/api/bookings", &body).await;
        holds.insert(0, hold_from(&rental, &response.expect(201)));
    }
    holds
}

async fn read_csv(client: &Client, path: &str) -> Response {
    let request = client
        .with_new_address()
        .request(Method::GET, path)
        .header("accept", "text/csv");
    let response = Response::to(request.bearer_auth(variable("ADMIN_TOKEN"))).await;
    assert_eq!(response.status, 200, "{response}");
    let content_type = "text/csv; charset=utf-8; header=present";
    assert_eq!(response.header("content-type"), content_type);
    assert_eq!(response.header("cache-control"), "no-store");
    response
}

#[tokio::test]
async fn bookings_are_read_by_key() {
    let _guard = share_system().await;
    let client = Client::new();
    let name = format!("Barbara {}", new_uuid());
    let holds = holds_of(&client, &name, 3).await;
    let search = format!("{BOOKINGS}?limit=2&search={}", name.replace(' ', "%20"));
    let first = operator::read(&client, &search).await;
    assert_eq!(first["pagination"]["total"], 3);
    assert_eq!(first["pagination"]["totalIsMinimum"], false);
    let next = first["next"].as_str().unwrap();
    // A newer booking moves no other to the next page.
    holds_of(&client, &name, 1).await;
    let second = operator::read(&client, &format!("{search}&after={next}")).await;
    assert_eq!(
        (&second["next"], second.get("pagination")),
        (&Value::Null, None)
    );
    let pages = [&first, &second].map(|page| page["bookings"].as_array().unwrap().clone());
    let ids: Vec<Value> = pages
        .concat()
        .iter()
        .map(|booking| booking["bookingId"].clone())
        .collect();
    let expected: Vec<Value> = holds.iter().map(|hold| json!(hold.id)).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn audit_log_is_read_by_key() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    operator::capture_now(&client, &paid).await;
    let all: Vec<Value> = operator::audit_entries(&client, paid.hold.id)
        .await
        .into_iter()
        .rev()
        .collect();
    assert!(all.len() > 4, "{all:?}");
    let mut path = format!("{AUDIT}?subject={}&limit=2", paid.hold.id);
    let mut found = Vec::new();
    loop {
        let page = operator::read(&client, &path).await;
        let since = page["keptSince"].as_str().unwrap();
        assert!(since.ends_with('Z'), "{since}");
        found.extend(page["entries"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("{AUDIT}?subject={}&limit=2&after={next}", paid.hold.id);
    }
    assert_eq!(found, all);
}

#[tokio::test]
async fn wrong_cursors_are_refused() {
    let _guard = share_system().await;
    let client = Client::new();
    let token = variable("ADMIN_TOKEN");
    let id = new_uuid();
    for (path, after) in [
        (AUDIT, "0".to_owned()),
        (AUDIT, "-1".to_owned()),
        (AUDIT, "x".to_owned()),
        (AUDIT, "99999999999999999999".to_owned()),
        (BOOKINGS, "7".to_owned()),
        (BOOKINGS, format!("x.{id}")),
        (BOOKINGS, format!("9223372036854775807.{id}")),
    ] {
        let response = client
            .get_as(&token, &format!("{path}?after={after}"))
            .await;
        response.expect_invalid_fields(&[("/after", "invalid_cursor")]);
    }
    for (path, after) in [(AUDIT, "7".to_owned()), (BOOKINGS, format!("7.{id}"))] {
        let path = format!("{path}?page=2&after={after}");
        let response = client.get_as(&token, &path).await;
        response.expect_invalid_fields(&[("/page", "contradictory")]);
    }
}

#[tokio::test]
async fn bookings_are_exported_without_formulas() {
    let _guard = share_system().await;
    let client = Client::new();
    let name = format!("=Ada, \"{}\"", new_uuid());
    let holds = holds_of(&client, &name, 2).await;
    let url = reqwest::Url::parse_with_params("http://x", [("search", &name)]).unwrap();
    let search = url.query().unwrap();
    let first = read_csv(&client, &format!("{BOOKINGS}?limit=1&{search}")).await;
    let (names, row) = first.text.split_once("\r\n").unwrap();
    assert!(names.starts_with("bookingId,reference,status,"), "{names}");
    assert!(row.starts_with(&format!("{},EXO-", holds[0].id)), "{row}");
    assert!(row.ends_with("\r\n") && row.lines().count() == 1, "{row}");
    let quoted = format!(",\"'{}\",", name.replace('"', "\"\""));
    assert!(row.contains(&quoted), "{row}");
    assert!(row.contains(",'+49 30 1234567,"), "{row}");

    let link = first.header("link");
    let next = link
        .strip_prefix('<')
        .unwrap()
        .strip_suffix(">; rel=\"next\"")
        .unwrap();
    let second = read_csv(&client, next).await;
    let row = second.text.lines().nth(1).unwrap();
    assert!(row.starts_with(&holds[1].id.to_string()), "{row}");
    assert_eq!(second.header("link"), "");
}

#[tokio::test]
async fn audit_log_is_exported() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    let path = format!("{AUDIT}?subject={}&action=payment.authorized", paid.hold.id);
    let entry = operator::read(&client, &path).await["entries"][0].clone();
    let csv = read_csv(&client, &path).await;
    assert!(csv.header("x-kept-since").ends_with('Z'), "{csv}");
    let mut lines = csv.text.split("\r\n");
    let names = "id,occurredAt,actor,action,subjectType,subjectId,requestId,detail";
    assert_eq!(lines.next(), Some(names));
    let start = format!(
        "{},{},system,payment.authorized,payment,{},,\"{{",
        entry["id"],
        entry["occurredAt"].as_str().unwrap(),
        entry["subjectId"].as_str().unwrap()
    );
    let row = lines.next().unwrap();
    assert!(row.starts_with(&start), "{row}\n{start}");
    let detail = row[start.len() - 1..]
        .strip_suffix('"')
        .unwrap()
        .replace("\"\"", "\"");
    let detail: Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(detail, entry["detail"]);
    assert_eq!((lines.next(), lines.next()), (Some(""), None));
    // Problems stay JSON.
    let request = client
        .with_new_address()
        .request(Method::GET, &format!("{AUDIT}?limit=0"));
    let request = request.header("accept", "text/csv");
    let response = Response::to(request.bearer_auth(variable("ADMIN_TOKEN"))).await;
    response.expect_invalid_fields(&[("/limit", "out_of_range")]);
}
