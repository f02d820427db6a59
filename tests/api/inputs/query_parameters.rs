//! Invalid query parameters.

use crate::support::{
    client::{Client, Response},
    isolation::share_system,
    local_system::in_days,
};
use reqwest::Method;

const LIST: &str = "/api/cars";
const AVAILABILITY: &str = "/api/cars/availability";

const INVALID_NUMBERS: [&str; 13] = [
    "",
    "0",
    "-1",
    "abc",
    "1e3",
    "1.5",
    " 1",
    "+1",
    "１",
    "4294967297",
    "99999999999999999999",
    "1\0",
    "1;2",
];
const INVALID_PRICES: [&str; 10] = [
    "", "-1", "x", "1e3", "1,5", "1.234", "10000000", "NaN", "1'--", "٣",
];
const CONTROL_CHARACTERS: [&str; 3] = ["a\0b", "a\r\nb", "a\u{85}b"];

/// Asserts that `path` refuses `value` with this code, for this parameter and no other.
async fn assert_refused(client: &Client, path: &str, parameter: &str, code: &str, value: &str) {
    let request = client
        .with_new_address()
        .request(Method::GET, path)
        .query(&[(parameter, value)]);
    let response = Response::to(request).await;
    assert_eq!(response.status, 422, "{parameter}={value:?}: {response}");
    response.expect_invalid_fields(&[(&format!("/{parameter}"), code)]);
}

#[tokio::test]
async fn list_refuses_invalid_parameters() {
    let _guard = share_system().await;
    let client = Client::new();
    let numbers_and = |others: &[&'static str]| [&INVALID_NUMBERS[..], others].concat();
    let (long_search, long_category) = ("é".repeat(101), "é".repeat(41));
    let (long_feature, very_long) = ("x".repeat(41), "x".repeat(4_000));
    for (parameter, code, values) in [
        ("page", "out_of_range", numbers_and(&["10001"])),
        ("limit", "out_of_range", numbers_and(&["51", "1000000"])),
        ("search", "empty", vec!["", " "]),
        ("search", "too_long", vec![&*long_search, &very_long]),
        ("search", "invalid_characters", CONTROL_CHARACTERS.to_vec()),
        ("category", "empty", vec!["", " "]),
        ("category", "too_long", vec![&*long_category, &very_long]),
        (
            "category",
            "invalid_characters",
            CONTROL_CHARACTERS.to_vec(),
        ),
        ("minPrice", "invalid_amount", INVALID_PRICES.to_vec()),
        ("maxPrice", "invalid_amount", INVALID_PRICES.to_vec()),
        ("features", "empty", vec!["", ",", "a,,b"]),
        ("features", "too_long", vec![&*long_feature]),
        ("features", "too_many", vec!["a,b,c,d,e,f,g,h,i,j,k"]),
        ("features", "invalid_characters", vec!["a\0"]),
        (
            "sortBy",
            "unknown_value",
            vec!["", "id", "PRICE", "price;", "base_price_per_day"],
        ),
        (
            "sortOrder",
            "unknown_value",
            vec!["", "ASC", "asc nulls last"],
        ),
    ] {
        for value in values {
            assert_refused(&client, LIST, parameter, code, value).await;
        }
    }
}

#[tokio::test]
async fn list_refuses_max_price_below_min_price() {
    let _guard = share_system().await;
    let path = "/api/cars?minPrice=100";
    assert_refused(&Client::new(), path, "maxPrice", "below_minimum", "99.99").await;
}

#[tokio::test]
async fn list_refuses_invalid_dates() {
    let _guard = share_system().await;
    let client = Client::new();
    for parameter in ["availableFrom", "availableTo"] {
        for value in ["", "2027-02-31", "tomorrow", "9999-01-01", "2027-02-01'"] {
            assert_refused(&client, LIST, parameter, "invalid_date", value).await;
        }
    }
}

#[tokio::test]
async fn list_dates_come_in_pairs() {
    let _guard = share_system().await;
    let client = Client::new();
    let date = in_days(40).await;
    for (given, missing) in [
        ("availableFrom", "/availableTo"),
        ("availableTo", "/availableFrom"),
    ] {
        client
            .get(&format!("{LIST}?{given}={date}"))
            .await
            .expect_invalid_fields(&[(missing, "required")]);
    }
}

#[tokio::test]
async fn list_end_must_follow_start() {
    let _guard = share_system().await;
    let client = Client::new();
    let (before, start) = (in_days(40).await, in_days(44).await);
    let path = format!("{LIST}?availableFrom={start}");
    for end in [&before, &start] {
        assert_refused(&client, &path, "availableTo", "not_after_start", end).await;
    }
}

#[tokio::test]
async fn list_refuses_too_long_range() {
    let _guard = share_system().await;
    let path = format!("{LIST}?availableFrom={}", in_days(44).await);
    let (client, end) = (Client::new(), "2199-12-31");
    assert_refused(&client, &path, "availableTo", "range_too_long", end).await;
}

#[tokio::test]
async fn duplicate_parameter_is_refused() {
    let _guard = share_system().await;
    let client = Client::new();
    for pair in [
        "page=1",
        "search=a",
        "minPrice=1",
        "features=a",
        "sortBy=name",
    ] {
        let (parameter, _) = pair.split_once('=').unwrap();
        client
            .get(&format!("{LIST}?{pair}&{pair}"))
            .await
            .expect_invalid_fields(&[(&format!("/{parameter}"), "duplicate")]);
    }
    let (start, end) = (in_days(40).await, in_days(44).await);
    client
        .get(&format!(
            "{AVAILABILITY}?carId=123&carId=test-car-id&startDate={start}&endDate={end}"
        ))
        .await
        .expect_invalid_fields(&[("/carId", "duplicate")]);
}

#[tokio::test]
async fn availability_requires_car_and_dates() {
    let _guard = share_system().await;
    Client::new()
        .get(AVAILABILITY)
        .await
        .expect_invalid_fields(&[
            ("/carId", "required"),
            ("/startDate", "required"),
            ("/endDate", "required"),
        ]);
}

#[tokio::test]
async fn availability_refuses_invalid_parameters() {
    let _guard = share_system().await;
    let client = Client::new();
    let (start, end) = (in_days(40).await, in_days(44).await);
    let without_car = format!("{AVAILABILITY}?startDate={start}&endDate={end}");
    let without_start = format!("{AVAILABILITY}?carId=123&endDate={end}");
    let without_end = format!("{AVAILABILITY}?carId=123&startDate={start}");
    let long_car_id = "a".repeat(65);
    let car_ids = vec![
        "A", "a b", "a'--", "ä", "a\0", "a\r\nb", "../cars", "*", "%",
    ];
    let dates = vec![
        "",
        "2027-02-31",
        "20270201",
        "tomorrow",
        "9999-01-01",
        "0001-01-01",
        "2027-02-01T00:00",
        "２０２７-02-01",
    ];
    for (path, parameter, code, values) in [
        (&without_car, "carId", "empty", vec![""]),
        (&without_car, "carId", "too_long", vec![&*long_car_id]),
        (&without_car, "carId", "invalid_car", car_ids),
        (&without_start, "startDate", "invalid_date", dates.clone()),
        (&without_end, "endDate", "invalid_date", dates),
        (&without_end, "endDate", "not_after_start", vec![&*start]),
        (
            &without_end,
            "endDate",
            "range_too_long",
            vec!["2199-12-31"],
        ),
    ] {
        for value in values {
            assert_refused(&client, path, parameter, code, value).await;
        }
    }
}
