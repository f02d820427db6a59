//! `POST /api/admin/cache/clear`: cars are edited in the database, past the product, and an operator makes it show.

use crate::support::{
    cache::{PATH, cache_of, cached, clear},
    client::{Answer, Client},
    environment::{chance, variable},
    isolation::{alone, together},
    rental::Rental,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::{NoTls, types::ToSql};

/// What an operator does in the dashboard.
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
async fn a_scope_takes_what_belongs_to_it() {
    alone(async {
        let rental = Rental::far_ahead(&Client::new(), 2).await;
        let (days, car) = (rental.availability(), format!("/api/cars/{}", rental.car));
        for (scope, gone, kept) in [
            (json!({"scope": "availability"}), vec![&days], vec![&car]),
            (json!({"scope": "cars"}), vec![&car], vec![&days]),
            (json!({"scope": "all"}), vec![&car, &days], vec![]),
            (json!({}), vec![&car, &days], vec![]),
        ] {
            for path in [&days, &car] {
                cached(path).await;
            }
            cached("/api/cars").await;
            let answer = clear(&scope).await;
            assert_eq!(
                (&answer["success"], &answer["cleared"], &answer["carId"]),
                (&json!(true), &json!(true), &Value::Null)
            );
            for path in gone {
                assert_eq!(cache_of(path).await, "MISS", "{scope} {path}");
            }
            for path in kept {
                assert_eq!(cache_of(path).await, "HIT", "{scope} {path}");
            }
            assert_eq!(cache_of("/api/cars").await, "MISS", "{scope}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_changed_car_is_given_up_with_its_days_and_the_lists() {
    alone(async {
        let client = Client::new();
        let changed = Rental::far_ahead(&client, 2).await;
        let other = changed.of_another_car(&client, 2).await.availability();
        let given_up = [
            changed.availability(),
            format!("/api/cars/{}", changed.car),
            "/api/cars".to_owned(),
        ];
        for path in given_up.iter().chain([&other]) {
            cached(path).await;
        }
        assert_eq!(clear(&json!({"carId": changed.car})).await["cleared"], true);
        for path in &given_up {
            assert_eq!(cache_of(path).await, "MISS", "{path}");
        }
        assert_eq!(cache_of(&other).await, "HIT");
    })
    .await;
}

/// Under both names, whichever the operator gives.
#[tokio::test]
async fn an_edited_car_shows_at_once_and_the_others_stay() {
    alone(async {
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
                cached(path).await;
            }
            let text = format!("edited {}", chance(1_000_000));
            edit(DESCRIBE, &[&slug, &text]).await;
            let answer = clear(&json!({"carId": name})).await;
            assert_eq!(
                (&answer["cleared"], &answer["carId"]),
                (&json!(true), &json!(name))
            );
            for path in [&by_slug, &by_id] {
                let shown = client.stranger().get(path).await.expect(200);
                assert_eq!(shown["car"]["description"], json!(text), "{name} {path}");
            }
            assert_eq!(cache_of(&other).await, "HIT", "{name}");
        }
        let was = before["description"].as_str().unwrap();
        edit(DESCRIBE, &[&slug, &was]).await;
        clear(&json!({"carId": slug})).await;
    })
    .await;
}

#[tokio::test]
async fn a_hidden_or_withdrawn_car_is_gone_at_once() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let slug = &rental.car;
        let by_slug = format!("/api/cars/{slug}");
        let shown = client.get(&by_slug).await.expect(200);
        let id = shown["car"]["id"].as_str().unwrap();
        let by_id = format!("/api/cars/{id}");
        for (status, name) in [("hidden", slug.as_str()), ("withdrawn", id)] {
            let days = rental.availability();
            for path in [&by_slug, &by_id, &days] {
                cached(path).await;
            }
            cached("/api/cars?limit=50").await;
            edit(SET_STATUS, &[slug, &status]).await;
            clear(&json!({"scope": "cars", "carId": name})).await;
            let mut seen = Vec::new();
            for path in [&by_slug, &by_id, &days] {
                seen.push(client.stranger().get(path).await.status);
            }
            let list = client.stranger().get("/api/cars?limit=50").await;
            edit(SET_STATUS, &[slug, &"listed"]).await;
            clear(&json!({})).await;
            assert_eq!(seen, [404, 404, 404], "{status} {name}");
            assert!(!list.text.contains(id), "{status} {name}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_understood_clears_nothing() {
    let _turn = together().await;
    let client = Client::new();
    let request = client
        .request(Method::POST, PATH)
        .bearer_auth(variable("ADMIN_TOKEN"));
    Answer::of(request.json(&json!({"scope": "everything", "carId": "A B"})))
        .await
        .refuses(&[("/scope", "unknown_value"), ("/carId", "invalid_car")]);
    for token in [None, Some(variable("CRON_SECRET"))] {
        let mut request = client.request(Method::POST, PATH).json(&json!({}));
        if let Some(token) = &token {
            request = request.bearer_auth(token);
        }
        Answer::of(request).await.problem(401, "unauthenticated");
    }
}
