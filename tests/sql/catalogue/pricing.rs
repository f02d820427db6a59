//! The price: the documented example, every refusal, and 300 random cars against the oracle.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::Car,
    price_oracle::{Effect, Price, Rule, Terms, price},
    random::Random,
};
use std::fmt::Write as _;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

async fn calculate(db: &Database, car_id: &str, start: &str, end: &str) -> Value {
    let arguments = json!({ "p_car_id": car_id, "p_start_date": start, "p_end_date": end });
    call(&db.service().await, "calculate_booking_price", arguments).await
}

#[tokio::test]
async fn four_plain_days_cost_237_60() {
    with_database(|db| async move {
        let car_id = Car::default().insert(&db).await;
        let before = db.content().await;
        let result = calculate(&db, &car_id, "2030-02-01", "2030-02-05").await;
        let expected = json!({
            "success": true, "error_code": null, "rental_days": 4, "base_price_per_day": 50.00, "rental_amount": 200.00, "fees": 40.00,
            "discount_amount": 24.00, "taxes": 21.60, "deposit_amount": 500.00, "final_price": 237.60, "currency": "USD",
            "lines": [
                { "kind": "rental", "code": "rental_day", "label": "Daily rate", "quantity": 4, "unitAmount": "50.00", "amount": "200.00" },
                { "kind": "fee", "code": "cleaning", "label": "Cleaning", "quantity": 1, "unitAmount": "40.00", "amount": "40.00" },
                { "kind": "discount", "code": "long_rental", "label": "From 4 days", "quantity": 1, "unitAmount": "-24.00", "amount": "-24.00" },
                { "kind": "tax", "code": "tax", "label": "Tax 10 %", "quantity": 1, "unitAmount": "21.60", "amount": "21.60" },
            ],
        });
        assert_eq!(result, expected);
        assert_eq!(db.content().await, before, "pricing only reads");
    })
    .await;
}

#[tokio::test]
async fn unpriceable_rental_names_reason() {
    with_database(|db| async move {
        let listed = Car::default().insert(&db).await;
        let hidden = Car {
            slug: "hidden",
            status: "hidden",
            ..Car::default()
        }
        .insert(&db)
        .await;
        let withdrawn = Car {
            slug: "withdrawn",
            status: "withdrawn",
            ..Car::default()
        }
        .insert(&db)
        .await;
        let unpriced = Car {
            slug: "unpriced",
            base_price: None,
            ..Car::default()
        }
        .insert(&db)
        .await;
        let unknown = "00000000-0000-4000-8000-000000000000".to_owned();
        for (car, start, end, code) in [
            (&hidden, "2030-02-01", "2030-02-05", "car_not_found"),
            (&withdrawn, "2030-02-01", "2030-02-05", "car_not_found"),
            (&unknown, "2030-02-01", "2030-02-05", "car_not_found"),
            (&unpriced, "2030-02-01", "2030-02-05", "not_priced"),
            (&listed, "2030-02-05", "2030-02-05", "invalid_dates"),
            (&listed, "2030-02-05", "2030-02-01", "invalid_dates"),
            (&listed, "2030-02-05", "9999-02-05", "invalid_dates"),
        ] {
            let result = calculate(&db, car, start, end).await;
            assert_eq!(
                (
                    &result["success"],
                    &result["error_code"],
                    &result["final_price"]
                ),
                (&json!(false), &json!(code), &Value::Null)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn only_wrong_client_price_is_recorded() {
    with_database(|db| async move {
        let car = Car::default().insert(&db).await;
        let service = db.service().await;
        let arguments = |price: &str| json!({ "p_car_id": car, "p_start_date": "2030-02-01", "p_end_date": "2030-02-05", "p_client_price": price, "p_request_id": "req-1" });
        let match_result = call(&service, "validate_booking_price", arguments("237.6")).await;
        assert_eq!(match_result, json!({ "valid": true, "server_price": 237.60, "currency": "USD" }));
        assert_eq!(db.count("security_events", "true").await, 0);
        let mismatch_result = call(&service, "validate_booking_price", arguments("1.00")).await;
        assert_eq!(mismatch_result, json!({ "valid": false, "server_price": 237.60, "currency": "USD" }));
        assert_eq!(db.count("security_events", "kind = 'price_mismatch' AND request_id = 'req-1' AND detail ->> 'clientPrice' = '1.00'").await, 1);
    })
    .await;
}

fn random_rule(random: &mut Random, for_all_cars: bool) -> Rule {
    let effect = if random.chance(3) {
        Effect::Discount {
            min_days: i32::try_from(random.below(12)).unwrap() + 1,
            percent: Decimal::new(i64::from(random.below(8999)) + 1, 2),
        }
    } else {
        let (a, b) = (random.day(), random.day());
        let weekdays: Vec<i8> = (1..=7).filter(|_| random.chance(3)).collect();
        Effect::Rate {
            starts_on: (!random.chance(3)).then_some(a.min(b)),
            ends_on: (!random.chance(3)).then_some(a.max(b)),
            weekdays: (!weekdays.is_empty() && random.chance(2)).then_some(weekdays),
            multiplier: Decimal::new(i64::from(random.below(30_000)) + 1_000, 4),
        }
    };
    Rule {
        id: random.uuid(),
        for_all_cars,
        priority: i32::try_from(random.below(4)).unwrap(),
        effect,
    }
}

fn insert_rule(rule: &Rule, car_id: &str) -> String {
    let car = if rule.for_all_cars {
        "NULL".to_owned()
    } else {
        format!("'{car_id}'")
    };
    let day = |day: &Option<Date>| day.map_or("NULL".to_owned(), |day| format!("'{day}'"));
    match &rule.effect {
        Effect::Rate {
            starts_on,
            ends_on,
            weekdays,
            multiplier,
        } => {
            let weekdays = weekdays.as_ref().map_or("NULL".to_owned(), |days| {
                format!("ARRAY {days:?}::smallint[]")
            });
            format!(
                "INSERT INTO pricing_rules (id, car_id, kind, name, priority, starts_on, ends_on, weekdays, multiplier) \
                 VALUES ('{}', {car}, 'rate', 'Rate', {}, {}, {}, {weekdays}, {multiplier});",
                rule.id,
                rule.priority,
                day(starts_on),
                day(ends_on)
            )
        }
        Effect::Discount { min_days, percent } => format!(
            "INSERT INTO pricing_rules (id, car_id, kind, name, priority, min_days, percent) VALUES ('{}', {car}, 'discount', 'Discount', {}, {min_days}, {percent});",
            rule.id, rule.priority
        ),
    }
}

async fn insert_car(db: &Database, number: usize, terms: &Terms) -> String {
    let car_id = format!("00000000-0000-4000-8000-{number:012}");
    let mut sql = format!(
        "INSERT INTO cars (id, slug, name, make, model, year, category, status) VALUES ('{car_id}', 'car-{number}', 'Car', 'Make', 'Model', 2024, 'coupe', 'listed');\
         INSERT INTO car_pricing (car_id, base_price_per_day, tax_percent) VALUES ('{car_id}', {}, {});\
         INSERT INTO car_fees (car_id, code, label, amount, mandatory) VALUES ('{car_id}', 'optional', 'Optional', 999, false);",
        terms.base, terms.tax_percent
    );
    for (n, fee) in terms.mandatory_fees.iter().enumerate() {
        let insert = "INSERT INTO car_fees (car_id, code, label, amount)";
        writeln!(
            sql,
            "{insert} VALUES ('{car_id}', 'fee_{n}', 'Fee', {fee});"
        )
        .unwrap();
    }
    for rule in terms.rules.iter().filter(|rule| !rule.for_all_cars) {
        sql += &insert_rule(rule, &car_id);
    }
    db.run(&sql).await;
    car_id
}

/// The price from the database, in the oracle's terms. Also checks that the lines add up.
async fn database_price(db: &Database, car_id: &str, start: Date, days: i32) -> Price {
    let sql = format!(
        "SELECT p.rental_amount, p.fees, p.discount_amount, p.taxes, p.final_price, p.lines, \
                (SELECT sum((line ->> 'amount')::numeric) FROM jsonb_array_elements(p.lines) AS line) \
         FROM calculate_booking_price('{car_id}', '{start}', date '{start}' + {days}) AS p WHERE p.success"
    );
    let row = db.admin.query_one(&sql, &[]).await.unwrap();
    let lines: Value = row.get(5);
    let rental_lines = lines
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["kind"] == "rental");
    let groups = rental_lines
        .map(|line| {
            (
                line["quantity"].as_i64().unwrap(),
                line["unitAmount"].as_str().unwrap().parse().unwrap(),
            )
        })
        .collect();
    let total: Decimal = row.get(4);
    assert_eq!(
        row.get::<_, Decimal>(6),
        total,
        "the lines add up to the price: {lines}"
    );
    Price {
        groups,
        rental: row.get(0),
        fees: row.get(1),
        discount: row.get(2),
        taxes: row.get(3),
        total,
    }
}

#[tokio::test]
async fn random_prices_match_oracle() {
    with_database(|db| async move {
        let mut random = Random(0x5EED_CA25);
        let shared: Vec<Rule> = (0..4).map(|_| random_rule(&mut random, true)).collect();
        for rule in &shared {
            db.run(&insert_rule(rule, "")).await;
        }
        let mut shared = Some(shared);
        for number in 0..300 {
            let mut rules = shared.take().unwrap();
            rules.extend((0..random.below(8)).map(|_| random_rule(&mut random, false)));
            let terms = Terms {
                base: Decimal::new(i64::from(random.below(300_000)) + 100, 2),
                tax_percent: Decimal::new(i64::from(random.below(2600)), 2),
                mandatory_fees: (0..random.below(4))
                    .map(|_| Decimal::new(i64::from(random.below(50_000)), 2))
                    .collect(),
                rules,
            };
            let car_id = insert_car(&db, number, &terms).await;
            for _ in 0..2 {
                let (start, days) = (random.day(), i32::try_from(random.below(30)).unwrap() + 1);
                assert_eq!(
                    database_price(&db, &car_id, start, days).await,
                    price(&terms, start, days),
                    "car {number}, {start}, {days} days: {terms:?}"
                );
            }
            shared = Some(
                terms
                    .rules
                    .into_iter()
                    .filter(|rule| rule.for_all_cars)
                    .collect(),
            );
        }
    })
    .await;
}
