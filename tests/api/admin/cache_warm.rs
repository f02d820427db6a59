//! `GET, POST /api/admin/cache-warm`.

use crate::support::{
    cache::cache_status,
    client::{Client, Response},
    environment::variable,
    isolation::{run_alone, share_system},
    local_system::{advance_clock, in_days, today},
};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/admin/cache-warm";

async fn warm(client: &Client, body: &Value) -> Response {
    let request = client
        .request(Method::POST, PATH)
        .bearer_auth(variable("ADMIN_TOKEN"));
    Response::to(request.json(body)).await
}

/// The request is the runbook's.
#[tokio::test]
async fn visitors_hit_warmed_entries() {
    run_alone(async {
        let client = Client::new();
        // Entries of earlier tests become stale.
        advance_clock(SignedDuration::from_mins(10)).await;
        let body = json!({
            "warmPopularCars": true, "warmUpcomingAvailability": true,
            "popularCarsLimit": 20, "availabilityDays": 14,
        });
        let response = warm(&client, &body).await.expect(200);
        let metrics = &response["metrics"];
        assert_eq!(response["success"], true, "{response}");
        assert_eq!(metrics["status"], "completed");
        assert_eq!(metrics["errors"], json!([]));
        assert_eq!(metrics["keysWarmed"], 3 + 2 * 20);
        assert_eq!(
            metrics["warmed"],
            json!({"pages": 3, "cars": 20, "availability": 20})
        );
        assert_eq!(metrics["left"], 0);
        assert!(metrics["duration"].is_u64(), "{metrics}");
        for time in ["startTime", "endTime"] {
            let _: Timestamp = metrics[time].as_str().unwrap().parse().unwrap();
        }

        for path in ["/api/cars", "/api/cars?page=1&limit=12", "/api/cars?page=2"] {
            assert_eq!(client.get(path).await.header("x-cache"), "HIT", "{path}");
        }
        // The most booked cars are warmed, and other tests book too. So only the number is known.
        let list = client.get("/api/cars?limit=50").await.expect(200);
        let (start, end) = (today().await.to_string(), in_days(14).await);
        let (mut cars, mut availabilities) = (0, 0);
        for car in list["cars"].as_array().unwrap() {
            let slug = car["slug"].as_str().unwrap();
            let car = format!("/api/cars/{slug}");
            let availability =
                format!("/api/cars/availability?carId={slug}&startDate={start}&endDate={end}");
            cars += u32::from(cache_status(&car).await == "HIT");
            availabilities += u32::from(cache_status(&availability).await == "HIT");
        }
        assert_eq!((cars, availabilities), (20, 20));
    })
    .await;
}

/// `emergency` is for a lost cache.
#[tokio::test]
async fn emergency_warms_every_car() {
    run_alone(async {
        let client = Client::new();
        advance_clock(SignedDuration::from_mins(10)).await;
        let total =
            client.get("/api/cars?limit=1").await.expect(200)["pagination"]["total"].clone();
        let response = warm(&client, &json!({"emergency": true, "popularCarsLimit": 1}))
            .await
            .expect(200);
        assert_eq!(
            response["metrics"]["warmed"],
            json!({"pages": 3, "cars": total, "availability": total}),
        );
        assert_eq!(
            (&response["success"], &response["metrics"]["left"]),
            (&json!(true), &json!(0))
        );
        let list = client.get("/api/cars?limit=50").await.expect(200);
        for car in list["cars"].as_array().unwrap() {
            let path = format!("/api/cars/{}", car["slug"].as_str().unwrap());
            assert_eq!(cache_status(&path).await, "HIT", "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn request_can_exclude_parts() {
    let _guard = share_system().await;
    let client = Client::new();
    let body =
        json!({"warmPopularCars": true, "warmUpcomingAvailability": false, "popularCarsLimit": 2});
    assert_eq!(
        warm(&client, &body).await.expect(200)["metrics"]["keysWarmed"],
        5
    );
    let body = json!({"warmPopularCars": false, "warmUpcomingAvailability": false});
    assert_eq!(
        warm(&client, &body).await.expect(200)["metrics"]["keysWarmed"],
        3
    );
    let path = format!("{PATH}?popularCarsLimit=1&availabilityDays=1");
    assert_eq!(
        client
            .get_as(&variable("ADMIN_TOKEN"), &path)
            .await
            .expect(200)["metrics"]["keysWarmed"],
        5
    );
    let empty = client
        .request(Method::POST, PATH)
        .bearer_auth(variable("ADMIN_TOKEN"));
    assert_eq!(
        Response::to(empty).await.expect(200)["metrics"]["status"],
        "completed"
    );
}

#[tokio::test]
async fn only_operators_may_warm() {
    let _guard = share_system().await;
    let client = Client::new();
    client
        .get(PATH)
        .await
        .expect_problem(401, "unauthenticated");
    client
        .post(PATH, &json!({}))
        .await
        .expect_problem(401, "unauthenticated");
    for token in [
        variable("CRON_SECRET"),
        variable("ADMIN_TOKEN") + "x",
        "x".to_owned(),
        String::new(),
    ] {
        let response = client.get_as(&token, PATH).await;
        response.expect_problem(401, "unauthenticated");
        assert_eq!(response.header("www-authenticate"), "Bearer");
    }
}
