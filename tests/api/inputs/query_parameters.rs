//! Invalid query parameters.

use crate::support::{client::Client, isolation::share_system, local_system::in_days};

/// Percent-encodes a text for a query.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Tries each of `texts` for one parameter of `path`.
async fn try_parameter(client: &Client, path: &str, name: &str, code: &str, texts: &[&str]) {
    let join = if path.contains('?') { '&' } else { '?' };
    let pointer = format!("/{name}");
    for text in texts {
        let path = format!("{path}{join}{name}={}", percent_encode(text));
        client
            .with_new_address()
            .get(&path)
            .await
            .expect_invalid_fields(&[(&pointer, code)]);
    }
}

#[tokio::test]
async fn list_refuses_invalid_parameters() {
    let _guard = share_system().await;
    let client = Client::new();
    let cars = "/api/cars";
    let numbers = [
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
    try_parameter(
        &client,
        cars,
        "page",
        "out_of_range",
        &[&numbers[..], &["10001"]].concat(),
    )
    .await;
    try_parameter(
        &client,
        cars,
        "limit",
        "out_of_range",
        &[&numbers[..], &["51", "1000000"]].concat(),
    )
    .await;
    for (name, most) in [("search", 100), ("category", 40)] {
        try_parameter(&client, cars, name, "empty", &["", " "]).await;
        try_parameter(
            &client,
            cars,
            name,
            "too_long",
            &[&"é".repeat(most + 1), &"x".repeat(4_000)],
        )
        .await;
        try_parameter(
            &client,
            cars,
            name,
            "invalid_characters",
            &["a\0b", "a\r\nb", "a\u{85}b"],
        )
        .await;
    }
    for name in ["minPrice", "maxPrice"] {
        let texts = [
            "", "-1", "x", "1e3", "1,5", "1.234", "10000000", "NaN", "1'--", "٣",
        ];
        try_parameter(&client, cars, name, "invalid_amount", &texts).await;
    }
    try_parameter(
        &client,
        "/api/cars?minPrice=100",
        "maxPrice",
        "below_minimum",
        &["99.99"],
    )
    .await;
    try_parameter(&client, cars, "features", "empty", &["", ",", "a,,b"]).await;
    try_parameter(&client, cars, "features", "too_long", &[&"x".repeat(41)]).await;
    try_parameter(
        &client,
        cars,
        "features",
        "too_many",
        &["a,b,c,d,e,f,g,h,i,j,k"],
    )
    .await;
    try_parameter(&client, cars, "features", "invalid_characters", &["a\0"]).await;
    try_parameter(
        &client,
        cars,
        "sortBy",
        "unknown_value",
        &["", "id", "PRICE", "price;", "base_price_per_day"],
    )
    .await;
    try_parameter(
        &client,
        cars,
        "sortOrder",
        "unknown_value",
        &["", "ASC", "asc nulls last"],
    )
    .await;
}

#[tokio::test]
async fn list_dates_come_in_pairs() {
    let _guard = share_system().await;
    let client = Client::new();
    let (first, second) = (in_days(40).await, in_days(44).await);
    for name in ["availableFrom", "availableTo"] {
        try_parameter(
            &client,
            "/api/cars",
            name,
            "invalid_date",
            &["", "2027-02-31", "tomorrow", "9999-01-01", "2027-02-01'"],
        )
        .await;
    }
    client
        .get(&format!("/api/cars?availableFrom={first}"))
        .await
        .expect_invalid_fields(&[("/availableTo", "required")]);
    client
        .get(&format!("/api/cars?availableTo={first}"))
        .await
        .expect_invalid_fields(&[("/availableFrom", "required")]);
    let from = format!("/api/cars?availableFrom={second}");
    try_parameter(
        &client,
        &from,
        "availableTo",
        "not_after_start",
        &[&first, &second],
    )
    .await;
    try_parameter(
        &client,
        &from,
        "availableTo",
        "range_too_long",
        &["2199-12-31"],
    )
    .await;
}

#[tokio::test]
async fn duplicate_parameter_is_refused() {
    let _guard = share_system().await;
    let client = Client::new();
    for name in [
        "page=1",
        "search=a",
        "minPrice=1",
        "features=a",
        "sortBy=name",
    ] {
        let pointer = format!("/{}", name.split('=').next().unwrap());
        client
            .get(&format!("/api/cars?{name}&{name}"))
            .await
            .expect_invalid_fields(&[(&pointer, "duplicate")]);
    }
    let (start, end) = (in_days(40).await, in_days(44).await);
    let path = format!(
        "/api/cars/availability?carId=123&carId=test-car-id&startDate={start}&endDate={end}"
    );
    client
        .get(&path)
        .await
        .expect_invalid_fields(&[("/carId", "duplicate")]);
}

#[tokio::test]
async fn calendar_refuses_invalid_parameters() {
    let _guard = share_system().await;
    let client = Client::new();
    let (start, end) = (in_days(40).await, in_days(44).await);
    let calendar = "/api/cars/availability";
    client.get(calendar).await.expect_invalid_fields(&[
        ("/carId", "required"),
        ("/startDate", "required"),
        ("/endDate", "required"),
    ]);
    let days = format!("{calendar}?startDate={start}&endDate={end}");
    try_parameter(&client, &days, "carId", "empty", &[""]).await;
    try_parameter(&client, &days, "carId", "too_long", &[&"a".repeat(65)]).await;
    let names = [
        "A", "a b", "a'--", "ä", "a\0", "a\r\nb", "../cars", "*", "%",
    ];
    try_parameter(&client, &days, "carId", "invalid_car", &names).await;
    let dates = [
        "",
        "2027-02-31",
        "20270201",
        "tomorrow",
        "9999-01-01",
        "0001-01-01",
        "2027-02-01T00:00",
        "２０２７-02-01",
    ];
    try_parameter(
        &client,
        &format!("{calendar}?carId=123&endDate={end}"),
        "startDate",
        "invalid_date",
        &dates,
    )
    .await;
    let from = format!("{calendar}?carId=123&startDate={start}");
    try_parameter(&client, &from, "endDate", "invalid_date", &dates).await;
    try_parameter(&client, &from, "endDate", "not_after_start", &[&start]).await;
    try_parameter(&client, &from, "endDate", "range_too_long", &["2199-12-31"]).await;
}
