//! `POST /api/admin/cache/clear`, which shows cars that were edited in SQL.

use crate::support::{
    cache::{CLEAR_PATH, cache_status, clear_cache, read_until_cached},
    client::{Client, Response},
    environment::{new_number, variable},
    isolation::{run_alone, share_system},
    rental::Rental,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::{NoTls, types::ToSql};

/// Changes one row, as an operator does in Supabase's dashboard.
async fn edit(sql: &str, parameters: &[&(dyn ToSql + Sync)]) {
    let (client, connection) = tokio_postgres::connect(&variable("DATABASE_URL"), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    assert_eq!(client.execute(sql, parameters).await.unwrap(), 1, "{sql}");
}

const DESCRIBE: &str = "UPDATE cars SET description = $2 WHERE slug = $1";
const SET_STATUS: &str = "UPDATE cars SET status = $2 WHERE slug = $1";

#[tokio::test]
async fn scope_clears_only_its_entries() {
    run_alone(async {
        let rental = Rental::far_ahead(&Client::new(), 2).await;
        let (days, car) = (
            rental.availability_path(),
            format!("/api/cars/{}", rental.car),
        );
        for (scope, cleared, kept) in [
            (json!({"scope": "availability"}), vec![&days], vec![&car]),
            (json!({"scope": "cars"}), vec![&car], vec![&days]),
            (json!({"scope": "all"}), vec![&car, &days], vec![]),
            (json!({}), vec![&car, &days], vec![]),
        ] {
            for path in [&days, &car] {
                read_until_cached(path).await;
            }
            read_until_cached("/api/cars").await;
            let response = clear_cache(&scope).await;
            assert_eq!(
                (
                    &response["success"],
                    &response["cleared"],
                    &response["carId"]
                ),
                (&json!(true), &json!(true), &Value::Null)
            );
            for path in cleared {
                assert_eq!(cache_status(path).await, "MISS", "{scope} {path}");
            }
            for path in kept {
                assert_eq!(cache_status(path).await, "HIT", "{scope} {path}");
            }
            assert_eq!(cache_status("/api/cars").await, "MISS", "{scope}");
        }
    })
    .await;
}

#[tokio::test]
async fn car_id_clears_car_days_and_lists() {
    run_alone(async {
        let client = Client::new();
        let changed = Rental::far_ahead(&client, 2).await;
        let other = changed
            .for_another_car(&client, 2)
            .await
            .availability_path();
        let cleared = [
            changed.availability_path(),
            format!("/api/cars/{}", changed.car),
            "/api/cars".to_owned(),
        ];
        for path in cleared.iter().chain([&other]) {
            read_until_cached(path).await;
        }
        assert_eq!(
            clear_cache(&json!({"carId": changed.car})).await["cleared"],
            true
        );
        for path in &cleared {
            assert_eq!(cache_status(path).await, "MISS", "{path}");
        }
        assert_eq!(cache_status(&other).await, "HIT");
    })
    .await;
}

/// The slug and the id clear both paths of a car.
#[tokio::test]
async fn clearing_shows_edit_and_keeps_other_cars() {
    run_alone(async {
        let client = Client::new();
        let slug = Rental::far_ahead(&client, 2).await.car;
        let by_slug = format!("/api/cars/{slug}");
        let before = client.get(&by_slug).await.expect(200)["car"].clone();
        let id = before["id"].as_str().unwrap();
        let by_id = format!("/api/cars/{id}");
        let list = client.get("/api/cars?limit=50").await.expect(200);
        let other = list["cars"].as_array().unwrap().iter();
        let other = other
            .map(|car| car["slug"].as_str().unwrap())
            .find(|other| *other != slug);
        let other = format!("/api/cars/{}", other.unwrap());
        for name in [slug.as_str(), id] {
            for path in [&by_slug, &by_id, &other] {
                read_until_cached(path).await;
            }
            let text = format!("edited {}", new_number(1_000_000));
            edit(DESCRIBE, &[&slug, &text]).await;
            let response = clear_cache(&json!({"carId": name})).await;
            assert_eq!(
                (&response["cleared"], &response["carId"]),
                (&json!(true), &json!(name))
            );
            for path in [&by_slug, &by_id] {
                let shown = client.with_new_address().get(path).await.expect(200);
                assert_eq!(shown["car"]["description"], json!(text), "{name} {path}");
            }
            assert_eq!(cache_status(&other).await, "HIT", "{name}");
        }
        let description = before["description"].as_str().unwrap();
        edit(DESCRIBE, &[&slug, &description]).await;
        clear_cache(&json!({"carId": slug})).await;
    })
    .await;
}

#[tokio::test]
async fn clearing_removes_hidden_and_withdrawn_cars() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let slug = &rental.car;
        let by_slug = format!("/api/cars/{slug}");
        let shown = client.get(&by_slug).await.expect(200);
        let id = shown["car"]["id"].as_str().unwrap();
        let by_id = format!("/api/cars/{id}");
        for (status, name) in [("hidden", slug.as_str()), ("withdrawn", id)] {
            let days = rental.availability_path();
            for path in [&by_slug, &by_id, &days] {
                read_until_cached(path).await;
            }
            read_until_cached("/api/cars?limit=50").await;
            edit(SET_STATUS, &[slug, &status]).await;
            clear_cache(&json!({"scope": "cars", "carId": name})).await;
            let mut statuses = Vec::new();
            for path in [&by_slug, &by_id, &days] {
                statuses.push(client.with_new_address().get(path).await.status);
            }
            let list = client.with_new_address().get("/api/cars?limit=50").await;
            edit(SET_STATUS, &[slug, &"listed"]).await;
            clear_cache(&json!({})).await;
            assert_eq!(statuses, [404, 404, 404], "{status} {name}");
            assert!(!list.text.contains(id), "{status} {name}");
        }
    })
    .await;
}

#[tokio::test]
async fn invalid_or_unauthorized_request_clears_nothing() {
    let _guard = share_system().await;
    let client = Client::new();
    let request = client
        .request(Method::POST, CLEAR_PATH)
        .bearer_auth(variable("ADMIN_TOKEN"));
    Response::to(request.json(&json!({"scope": "everything", "carId": "A B"})))
        .await
        .expect_invalid_fields(&[("/scope", "unknown_value"), ("/carId", "invalid_car")]);
    for token in [None, Some(variable("CRON_SECRET"))] {
        let mut request = client.request(Method::POST, CLEAR_PATH).json(&json!({}));
        if let Some(token) = &token {
            request = request.bearer_auth(token);
        }
        Response::to(request)
            .await
            .expect_problem(401, "unauthenticated");
    }
}
