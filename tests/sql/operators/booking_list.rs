//! The bookings that operators list: `list_bookings`.

use crate::support::{
    cancellation::{by_customer, cancel},
    capture::capture_payment,
    database::{Database, call, with_database},
    fixtures::{
        Car, NOW, OrderedBooking, authorization, begin_authorization, book_and_pay, hold, order,
        rental, with,
    },
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Bookings of two cars, each created a minute after the previous one.
struct Bookings {
    service: Client,
    hold: String,
    upcoming: OrderedBooking,
    captured: OrderedBooking,
    canceled: OrderedBooking,
}

/// Creates a hold for a customer and returns its id.
async fn hold_for(
    client: &Client,
    days: (&str, &str),
    name: &str,
    email: &str,
    now: &str,
) -> String {
    let customer = json!({ "fullName": name, "email": email });
    let more = json!({ "p_customer": customer, "p_shop_reference": format!("SHOP_{}", days.0), "p_now": now });
    let result = call(
        client,
        "create_booking",
        with(rental("plain", days.0, days.1), more),
    )
    .await;
    result["booking"]["bookingId"].as_str().unwrap().to_owned()
}

async fn create_bookings(db: &Database) -> Bookings {
    Car::default().insert(db).await;
    Car {
        slug: "other",
        ..Car::default()
    }
    .insert(db)
    .await;
    let service = db.service().await;
    let hold = hold_for(
        &service,
        ("2030-01-12", "2030-01-16"),
        "Ada 100%",
        "ada_l@example.org",
        NOW,
    )
    .await;
    let upcoming = book_and_pay(
        &service,
        "plain",
        "2030-01-20",
        "2030-01-24",
        "2030-01-10T12:01:00Z",
    )
    .await;
    let captured = book_and_pay(
        &service,
        "other",
        "2030-01-20",
        "2030-01-24",
        "2030-01-10T12:02:00Z",
    )
    .await;
    capture_payment(&service, &captured, "2030-01-10T12:02:00Z").await;
    let canceled = book_and_pay(
        &service,
        "other",
        "2030-02-01",
        "2030-02-05",
        "2030-01-10T12:03:00Z",
    )
    .await;
    cancel(
        &service,
        by_customer(&canceled.booking_id, "2030-01-10T12:03:00Z"),
    )
    .await;
    Bookings {
        service,
        hold,
        upcoming,
        captured,
        canceled,
    }
}

impl Bookings {
    async fn list(&self, filter: Value) -> Value {
        let now = json!({ "p_now": "2030-01-10T12:05:00Z" });
        call(&self.service, "list_bookings", with(now, filter)).await
    }

    /// The bookings that match a filter, in order, one letter each.
    async fn matches(&self, filter: Value) -> String {
        let list = self.list(filter).await;
        let letter = |booking: &Value| match booking["bookingId"].as_str().unwrap() {
            id if id == self.hold => 'h',
            id if id == self.upcoming.booking_id => 'u',
            id if id == self.captured.booking_id => 'c',
            id if id == self.canceled.booking_id => 'x',
            id => panic!("{id}"),
        };
        list["bookings"]
            .as_array()
            .unwrap()
            .iter()
            .map(letter)
            .collect()
    }
}

#[tokio::test]
async fn list_matches_single_bookings_newest_first() {
    with_database(|db| async move {
        let bookings = create_bookings(&db).await;
        let before = db.content().await;
        let list = bookings.list(json!({})).await;
        let mut expected = Vec::new();
        for id in [&bookings.canceled.booking_id, &bookings.captured.booking_id, &bookings.upcoming.booking_id, &bookings.hold] {
            expected.push(call(&bookings.service, "get_booking", json!({ "p_booking_id": id, "p_now": "2030-01-10T12:05:00Z" })).await);
        }
        let pagination = json!({ "page": 1, "limit": 25, "total": 4, "totalPages": 1, "hasNext": false, "hasPrev": false, "totalIsMinimum": false });
        assert_eq!(list, json!({ "bookings": expected, "next": null, "pagination": pagination }));
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn booking_list_is_filtered() {
    with_database(|db| async move {
        let bookings = create_bookings(&db).await;
        let other = db.value("SELECT id FROM cars WHERE slug = 'other'").await;
        for (filter, expected) in [
            (json!({ "p_status": "pending_payment" }), "h"),
            (json!({ "p_status": "upcoming" }), "cu"),
            (json!({ "p_status": "cancelled" }), "x"),
            (json!({ "p_status": "completed" }), ""),
            (json!({ "p_payment_status": "authorized" }), "xu"),
            (json!({ "p_payment_status": "captured" }), "c"),
            (json!({ "p_payment_status": "created" }), ""),
            (json!({ "p_car": "other" }), "xc"),
            (json!({ "p_car": other }), "xc"),
            (json!({ "p_car": "unknown" }), ""),
            (
                json!({ "p_car": "00000000-0000-4000-8000-000000000000" }),
                "",
            ),
            (
                json!({ "p_status": "upcoming", "p_payment_status": "captured", "p_car": "other" }),
                "c",
            ),
            (
                json!({ "p_status": "upcoming", "p_payment_status": "captured", "p_car": "plain" }),
                "",
            ),
        ] {
            assert_eq!(bookings.matches(filter.clone()).await, expected, "{filter}");
        }
    })
    .await;
}

#[tokio::test]
async fn date_range_finds_overlapping_rentals() {
    with_database(|db| async move {
        let bookings = create_bookings(&db).await;
        for (filter, expected) in [
            (json!({ "p_from": "2030-01-15" }), "xcuh"),
            // The last rental day is the 15th.
            (json!({ "p_from": "2030-01-16" }), "xcu"),
            (json!({ "p_from": "2030-01-23" }), "xcu"),
            (json!({ "p_from": "2030-01-24" }), "x"),
            (json!({ "p_from": "2030-02-05" }), ""),
            (json!({ "p_to": "2030-01-12" }), ""),
            (json!({ "p_to": "2030-01-13" }), "h"),
            (json!({ "p_to": "2030-01-20" }), "h"),
            (json!({ "p_to": "2030-01-21" }), "cuh"),
            (json!({ "p_from": "2030-01-16", "p_to": "2030-01-20" }), ""),
            (
                json!({ "p_from": "2030-01-23", "p_to": "2030-02-02" }),
                "xcu",
            ),
        ] {
            assert_eq!(bookings.matches(filter.clone()).await, expected, "{filter}");
        }
    })
    .await;
}

#[tokio::test]
async fn search_is_literal() {
    with_database(|db| async move {
        let bookings = create_bookings(&db).await;
        let reference = db
            .value(&format!(
                "SELECT reference FROM bookings WHERE id = '{}'",
                bookings.captured.booking_id
            ))
            .await
            .unwrap();
        for (search, expected) in [
            (reference.as_str(), "c"),
            (&reference.to_lowercase(), "c"),
            ("EXO-", "xcuh"),
            ("ADA 100%", "h"),
            ("ada_l@EXAMPLE", "h"),
            ("shop_2030", "h"),
            ("100%", "h"),
            ("%", "h"),
            ("_", "h"),
            ("ada%l", ""),
            ("ada.l", ""),
            ("shop-2030", ""),
            ("EXO_", ""),
            ("\\", ""),
            ("'", ""),
        ] {
            assert_eq!(
                bookings.matches(json!({ "p_search": search })).await,
                expected,
                "{search}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn booking_pages_never_overlap() {
    with_database(|db| async move {
        let bookings = create_bookings(&db).await;
        for (page, expected, has_next, has_prev) in [(1, "xcu", true, false), (2, "h", false, true), (3, "", false, true)] {
            let filter = json!({ "p_page": page, "p_limit": 3 });
            assert_eq!(bookings.matches(filter.clone()).await, expected);
            let pagination = bookings.list(filter).await["pagination"].clone();
            assert_eq!(pagination, json!({ "page": page, "limit": 3, "total": 4, "totalPages": 2, "hasNext": has_next, "hasPrev": has_prev, "totalIsMinimum": false }));
        }
        let empty = bookings.list(json!({ "p_status": "active", "p_page": 2 })).await;
        assert_eq!(empty, json!({ "bookings": [], "next": null, "pagination": { "page": 2, "limit": 25, "total": 0, "totalPages": 0, "hasNext": false, "hasPrev": false, "totalIsMinimum": false } }));
        // Bookings of the same moment are ordered by id, so that pages do not overlap.
        db.run("UPDATE bookings SET created_at = '2030-01-10T12:00:00Z'").await;
        let by_id = db.value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM bookings").await.unwrap();
        let mut ids = Vec::new();
        for page in 1..=4 {
            let list = bookings.list(json!({ "p_page": page, "p_limit": 1 })).await;
            ids.push(list["bookings"][0]["bookingId"].as_str().unwrap().to_owned());
        }
        assert_eq!(ids.join(" "), by_id);
        assert_eq!(walk_by_key(&bookings, 1).await.join(" "), by_id);
    })
    .await;
}

/// The ids of all bookings, read page after page by key.
async fn walk_by_key(bookings: &Bookings, limit: u32) -> Vec<String> {
    let mut filter = json!({ "p_limit": limit });
    let mut ids = Vec::new();
    loop {
        let page = bookings.list(filter.clone()).await;
        let is_first = ids.is_empty();
        assert_eq!(page.get("pagination").is_some(), is_first, "{page}");
        let rows = page["bookings"].as_array().unwrap().iter();
        ids.extend(rows.map(|booking| booking["bookingId"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else {
            return ids;
        };
        let (micros, id) = next.split_once('.').unwrap();
        assert_eq!(id, ids.last().unwrap());
        let at = json!(jiff::Timestamp::from_microsecond(micros.parse().unwrap()).unwrap());
        filter = json!({ "p_limit": limit, "p_after_at": at, "p_after_id": id });
    }
}

/// A booking that is made while an operator turns pages moves no other to another page.
#[tokio::test]
async fn pages_by_key_stay_when_bookings_arrive() {
    with_database(|db| async move {
        let bookings = create_bookings(&db).await;
        db.run("UPDATE bookings SET created_at = created_at + interval '1 microsecond'")
            .await;
        for limit in 1..=5 {
            let ids = walk_by_key(&bookings, limit).await;
            let expected = [
                &bookings.canceled.booking_id,
                &bookings.captured.booking_id,
                &bookings.upcoming.booking_id,
                &bookings.hold,
            ];
            assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{limit}");
        }
        let first = bookings.list(json!({ "p_limit": 2 })).await;
        let (micros, id) = first["next"].as_str().unwrap().split_once('.').unwrap();
        let at = json!(jiff::Timestamp::from_microsecond(micros.parse().unwrap()).unwrap());
        hold_for(
            &bookings.service,
            ("2030-03-01", "2030-03-04"),
            "Late",
            "late@example.org",
            "2030-01-10T12:04:00Z",
        )
        .await;
        assert_eq!(
            bookings
                .matches(json!({ "p_limit": 2, "p_after_at": at, "p_after_id": id }))
                .await,
            "uh"
        );
    })
    .await;
}

#[tokio::test]
async fn status_filter_uses_latest_payment() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let first = order(&service, &booking, NOW).await;
        begin_authorization(&service, &first.order_id, NOW).await;
        let mismatch = with(
            authorization(&first.payment_id, NOW),
            json!({ "p_amount": "1.00" }),
        );
        call(&service, "record_authorization", mismatch).await;
        let count = async |status: &str| {
            let list = call(
                &service,
                "list_bookings",
                json!({ "p_payment_status": status, "p_now": NOW }),
            )
            .await;
            list["pagination"]["total"].clone()
        };
        assert_eq!(
            (count("authorized").await, count("created").await),
            (json!(1), json!(0))
        );
        order(&service, &booking, NOW).await;
        assert_eq!(
            (count("authorized").await, count("created").await),
            (json!(0), json!(1))
        );
    })
    .await;
}
