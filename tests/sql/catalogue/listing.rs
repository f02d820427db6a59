//! The list of cars and their details: `list_cars`, `get_car`, `popular_cars`.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{Car, NOW, hold},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn slugs(service: &Client, arguments: Value) -> Vec<String> {
    let list = call(service, "list_cars", arguments).await;
    list["cars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|car| car["slug"].as_str().unwrap().to_owned())
        .collect()
}

/// Inserts five cars: `b` is featured, `d` is hidden, `e` has no price.
async fn insert_five_cars(db: &Database) -> Client {
    for (slug, base_price, status) in [
        ("a", Some("300.00"), "listed"),
        ("b", Some("100.00"), "listed"),
        ("c", Some("200.00"), "listed"),
        ("d", Some("50.00"), "hidden"),
        ("e", None, "listed"),
    ] {
        Car {
            slug,
            base_price,
            status,
            ..Car::default()
        }
        .insert(db)
        .await;
    }
    db.run(
        "UPDATE cars SET featured = true WHERE slug = 'b';\
         UPDATE cars SET make = '50%_off\\', category = 'SUV' WHERE slug = 'c';\
         UPDATE cars SET description = 'A Größe of its own' WHERE slug = 'a';\
         INSERT INTO car_features (car_id, feature) SELECT id, 'Convertible' FROM cars WHERE slug IN ('a', 'c');\
         INSERT INTO car_features (car_id, feature, position) SELECT id, 'Manual gearbox', 1 FROM cars WHERE slug = 'c';\
         INSERT INTO car_images (car_id, url, alt, is_primary, position) SELECT id, '/images/2.svg', 'front', true, 2 FROM cars WHERE slug = 'a';\
         INSERT INTO car_images (car_id, url, alt, position) SELECT id, '/images/1.svg', 'side', 1 FROM cars WHERE slug = 'a'",
    )
    .await;
    db.service().await
}

#[tokio::test]
async fn car_list_is_filtered() {
    with_database(|db| async move {
        let service = insert_five_cars(&db).await;
        for (filter, expected) in [
            (json!({}), vec!["b", "a", "c"]),
            (json!({ "p_search": "CAR A" }), vec!["a"]),
            (json!({ "p_search": "größe" }), vec!["a"]),
            (json!({ "p_search": "%" }), vec!["c"]),
            (json!({ "p_search": "50%_off\\" }), vec!["c"]),
            (json!({ "p_search": "5_%" }), vec![]),
            (json!({ "p_search": "'; DROP TABLE cars; --" }), vec![]),
            (json!({ "p_category": "suv" }), vec!["c"]),
            (json!({ "p_min_price": "200" }), vec!["a", "c"]),
            (json!({ "p_max_price": "200.00" }), vec!["b", "c"]),
            (
                json!({ "p_min_price": "100.01", "p_max_price": "299.99" }),
                vec!["c"],
            ),
            (json!({ "p_features": ["convertible"] }), vec!["a", "c"]),
            (
                json!({ "p_features": ["convertible", "manual gearbox"] }),
                vec!["c"],
            ),
            (json!({ "p_features": ["wings"] }), vec![]),
            (json!({ "p_features": [] }), vec!["b", "a", "c"]),
        ] {
            assert_eq!(slugs(&service, filter.clone()).await, expected, "{filter}");
        }
    })
    .await;
}

#[tokio::test]
async fn car_list_is_sorted_and_paged() {
    with_database(|db| async move {
        let service = insert_five_cars(&db).await;
        for (by, order, expected) in [
            ("featured", "asc", ["b", "a", "c"]), ("featured", "desc", ["b", "c", "a"]),
            ("price", "asc", ["b", "c", "a"]), ("price", "desc", ["a", "c", "b"]),
            ("name", "asc", ["a", "b", "c"]), ("name", "desc", ["c", "b", "a"]),
        ] {
            assert_eq!(slugs(&service, json!({ "p_sort_by": by, "p_sort_order": order })).await, expected, "{by} {order}");
        }
        let page = async |page: u32| call(&service, "list_cars", json!({ "p_page": page, "p_limit": 2 })).await["pagination"].clone();
        let pagination = |page: u32, next: bool, prev: bool| json!({ "page": page, "limit": 2, "total": 3, "totalPages": 2, "hasNext": next, "hasPrev": prev });
        assert_eq!(page(1).await, pagination(1, true, false));
        assert_eq!(page(2).await, pagination(2, false, true));
        assert_eq!(page(3).await, pagination(3, false, true));
        assert_eq!(slugs(&service, json!({ "p_page": 2, "p_limit": 2 })).await, ["c"]);
        let empty = call(&service, "list_cars", json!({ "p_search": "nothing" })).await;
        assert_eq!(empty, json!({ "success": true, "cars": [], "pagination": { "page": 1, "limit": 12, "total": 0, "totalPages": 0, "hasNext": false, "hasPrev": false } }));
    })
    .await;
}

#[tokio::test]
async fn dated_list_contains_only_bookable_cars() {
    with_database(|db| async move {
        let service = insert_five_cars(&db).await;
        hold(&service, "a", "2030-01-20", "2030-01-24", NOW).await;
        let free = async |from: &str, to: &str| {
            slugs(
                &service,
                json!({ "p_available_from": from, "p_available_to": to, "p_now": NOW }),
            )
            .await
        };
        assert_eq!(
            free("2030-01-24", "2030-01-26").await,
            ["b", "c"],
            "a is in its turnaround"
        );
        assert_eq!(free("2030-01-25", "2030-01-26").await, ["b", "a", "c"]);
        assert_eq!(
            free("2030-01-18", "2030-01-20").await,
            ["b", "c"],
            "the turnaround of a would overlap its booking"
        );
        assert_eq!(free("2030-01-09", "2030-01-12").await, Vec::<String>::new());
        assert_eq!(
            free("2030-03-01", "2030-04-15").await,
            Vec::<String>::new(),
            "longer than the maximum rental"
        );
    })
    .await;
}

#[tokio::test]
async fn car_details_are_complete() {
    with_database(|db| async move {
        let service = insert_five_cars(&db).await;
        let details = call(&service, "get_car", json!({ "p_car": "a" })).await;
        let car = &details["car"];
        assert_eq!(details["success"], true);
        let list_entry = call(&service, "list_cars", json!({ "p_search": "car a" })).await["cars"][0].clone();
        for (field, value) in list_entry.as_object().unwrap() {
            assert_eq!(&car[field], value, "{field}");
        }
        for (field, expected) in [
            ("pricePerDay", json!({ "amount": "300.00", "currency": "USD" })), ("depositAmount", json!({ "amount": "500.00", "currency": "USD" })),
            ("image", json!({ "url": "/images/2.svg", "alt": "front" })), ("features", json!(["Convertible"])),
            ("images", json!([{ "url": "/images/2.svg", "alt": "front", "primary": true }, { "url": "/images/1.svg", "alt": "side", "primary": false }])),
            ("fees", json!([{ "code": "cleaning", "label": "Cleaning", "amount": { "amount": "40.00", "currency": "USD" }, "mandatory": true }])),
            ("specifications", json!({})), ("timeZone", json!("UTC")), ("turnaroundDays", json!(1)), ("minRentalDays", json!(1)), ("maxRentalDays", json!(30)),
        ] {
            assert_eq!(car[field], expected, "{field}");
        }
        let id = car["id"].as_str().unwrap();
        assert_eq!(call(&service, "get_car", json!({ "p_car": id })).await, details);
        assert_eq!(call(&service, "get_car", json!({ "p_car": id.to_uppercase() })).await, details);
        for unknown in ["d", "unknown", "", "a' OR true"] {
            assert_eq!(call(&service, "get_car", json!({ "p_car": unknown })).await, Value::Null, "{unknown}");
        }
        assert_eq!(call(&service, "get_car", json!({ "p_car": "e" })).await["car"]["pricePerDay"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn recently_booked_cars_are_most_popular() {
    with_database(|db| async move {
        let service = insert_five_cars(&db).await;
        let popular = async |limit: u32, now: &str| {
            let cars = call(
                &service,
                "popular_cars",
                json!({ "p_limit": limit, "p_now": now }),
            )
            .await;
            cars.as_array()
                .unwrap()
                .iter()
                .map(|car| car["slug"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        hold(&service, "c", "2030-01-20", "2030-01-24", NOW).await;
        assert_eq!(
            popular(10, "2030-01-10T12:01:00Z").await,
            ["c", "b", "a", "e"]
        );
        assert_eq!(popular(1, "2030-01-10T12:01:00Z").await, ["c"]);
        assert_eq!(
            popular(10, "2030-02-10T12:01:00Z").await,
            ["b", "a", "c", "e"]
        );
    })
    .await;
}
