//! `GET /api/cars`.

use crate::support::{checkout, client::Client, isolation::share_system, rental::Rental};
use serde_json::{Value, json};

fn slugs(list: &Value) -> Vec<String> {
    list["cars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|car| checkout::text(&car["slug"]))
        .collect()
}

async fn list(client: &Client, query: &str) -> Value {
    client
        .with_new_address()
        .get(&format!("/api/cars?{query}"))
        .await
        .expect(200)
}

/// The amount in whole cents, because decimal strings do not sort.
fn cents(money: &Value) -> u64 {
    checkout::text(&money["amount"])
        .replace('.', "")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn first_page_has_twelve_cars_and_total() {
    let _guard = share_system().await;
    let list = list(&Client::new(), "").await;
    assert_eq!(list["success"], true);
    assert_eq!(list["cars"].as_array().unwrap().len(), 12);
    let pagination = &list["pagination"];
    let total = pagination["total"].as_u64().unwrap();
    assert!(total >= 24, "{pagination}");
    let pages = total.div_ceil(12);
    assert_eq!(
        *pagination,
        json!({"page": 1, "limit": 12, "total": total, "totalPages": pages, "hasNext": true, "hasPrev": false})
    );
}

#[tokio::test]
async fn list_shows_car_summary() {
    let _guard = share_system().await;
    let list = list(&Client::new(), "search=caterham").await;
    assert_eq!(slugs(&list), ["test-car-id"]);
    let car = &list["cars"][0];
    for (member, expected) in [
        ("make", json!("Caterham")),
        ("category", json!("roadster")),
        ("pricePerDay", json!({"amount": "50.00", "currency": "USD"})),
        (
            "depositAmount",
            json!({"amount": "500.00", "currency": "USD"}),
        ),
        ("minRentalDays", json!(1)),
        ("maxRentalDays", json!(30)),
    ] {
        assert_eq!(car[member], expected, "{member}");
    }
    assert!(
        car["image"]["url"].is_string() && car["features"].is_array(),
        "{car}"
    );
}

#[tokio::test]
async fn pages_cover_fleet_without_repeats() {
    let _guard = share_system().await;
    let client = Client::new();
    let all = slugs(&list(&client, "limit=50").await);
    let mut paged = Vec::new();
    for page in 1.. {
        let part = list(&client, &format!("limit=5&page={page}")).await;
        assert_eq!(part["pagination"]["hasPrev"], page > 1);
        paged.extend(slugs(&part));
        if part["pagination"]["hasNext"] == false {
            break;
        }
    }
    assert_eq!(paged, all);
    let beyond = list(&client, "page=10000").await;
    assert_eq!(beyond["cars"], json!([]));
    assert_eq!(beyond["pagination"]["hasNext"], false);
}

#[tokio::test]
async fn list_sorts_and_filters_by_price() {
    let _guard = share_system().await;
    let client = Client::new();
    for (order, is_sorted) in [("asc", true), ("desc", false)] {
        let list = list(&client, &format!("limit=50&sortBy=price&sortOrder={order}")).await;
        let prices: Vec<u64> = list["cars"]
            .as_array()
            .unwrap()
            .iter()
            .map(|car| cents(&car["pricePerDay"]))
            .collect();
        assert!(
            prices.is_sorted_by(|a, b| if is_sorted { a <= b } else { a >= b }),
            "{prices:?}"
        );
    }
    let bounded = list(&client, "limit=50&minPrice=600&maxPrice=990.00").await;
    let prices: Vec<u64> = bounded["cars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|car| cents(&car["pricePerDay"]))
        .collect();
    assert!(
        prices.iter().all(|price| (60_000..=99_000).contains(price)),
        "{prices:?}"
    );
    // Both bounds are inclusive: one car costs exactly 990.00.
    assert!(prices.contains(&99_000), "{prices:?}");
}

#[tokio::test]
async fn list_sorts_by_name_and_featured_first() {
    let _guard = share_system().await;
    let client = Client::new();
    let names = |list: &Value| -> Vec<String> {
        list["cars"]
            .as_array()
            .unwrap()
            .iter()
            .map(|car| checkout::text(&car["name"]))
            .collect()
    };
    let ascending = names(&list(&client, "limit=50&sortBy=name").await);
    let mut descending = names(&list(&client, "limit=50&sortBy=name&sortOrder=desc").await);
    descending.reverse();
    assert_eq!(ascending, descending);
    let featured: Vec<bool> = list(&client, "limit=50").await["cars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|car| car["featured"].as_bool().unwrap())
        .collect();
    assert!(featured.is_sorted_by(|a, b| a >= b) && featured[0] && !featured[featured.len() - 1]);
}

#[tokio::test]
async fn filters_combine() {
    let _guard = share_system().await;
    let client = Client::new();
    let list = list(
        &client,
        "limit=50&category=Convertible&features=heated%20seats,CONVERTIBLE",
    )
    .await;
    let mut matches = slugs(&list);
    matches.sort();
    assert_eq!(
        matches,
        [
            "aston-martin-db12-volante",
            "bentley-continental-gtc",
            "ferrari-roma-spider"
        ]
    );
}

#[tokio::test]
async fn search_text_is_literal() {
    let _guard = share_system().await;
    let client = Client::new();
    for search in [
        "%25",
        "_",
        "%25ferrari",
        "ferr_ri",
        "%5C",
        "'%3B%20DROP%20TABLE%20cars--",
        "name.ilike.*a*",
        "),or=(id.neq.0",
    ] {
        let matches = list(&client, &format!("search={search}")).await;
        assert_eq!(matches["pagination"]["total"], 0, "{search}");
    }
    let matches = list(&client, "search=hurac%C3%A1n").await;
    assert_eq!(slugs(&matches), ["lamborghini-huracan-tecnica"]);
}

#[tokio::test]
async fn list_omits_hidden_and_withdrawn_cars() {
    let _guard = share_system().await;
    let client = Client::new();
    let all = slugs(&list(&client, "limit=50").await);
    for slug in ["koenigsegg-regera", "ferrari-f40"] {
        assert!(!all.contains(&slug.to_owned()), "{slug}");
    }
    for name in ["regera", "f40"] {
        assert_eq!(
            list(&client, &format!("search={name}")).await["pagination"]["total"],
            0,
            "{name}"
        );
    }
}

#[tokio::test]
async fn list_omits_cars_booked_on_given_days() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 3).await;
    let query = format!(
        "limit=50&availableFrom={}&availableTo={}",
        rental.start, rental.end
    );
    assert!(slugs(&list(&client, &query).await).contains(&rental.car));
    checkout::create_hold(&client, &rental).await;
    assert!(
        !slugs(&list(&client, &query).await).contains(&rental.car),
        "{rental:?}"
    );
    assert!(slugs(&list(&client, "limit=50").await).contains(&rental.car));
}

#[tokio::test]
async fn invalid_query_names_every_parameter() {
    let _guard = share_system().await;
    let client = Client::new();
    client
        .get("/api/cars?page=abc&limit=-1&minPrice=x&sortBy=id&sortOrder=up&availableFrom=2027-02-31&features=,")
        .await
        .expect_invalid_fields(&[
            ("/page", "out_of_range"),
            ("/limit", "out_of_range"),
            ("/minPrice", "invalid_amount"),
            ("/sortBy", "unknown_value"),
            ("/sortOrder", "unknown_value"),
            ("/availableFrom", "invalid_date"),
            ("/features", "empty"),
        ]);
    client
        .get("/api/cars?page=1&page=2")
        .await
        .expect_invalid_fields(&[("/page", "duplicate")]);
}
