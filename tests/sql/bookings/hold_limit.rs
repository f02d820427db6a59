//! The end of a hold, whatever is called in whatever order.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{Car, begin_authorization, rental, with},
    random::Random,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_postgres::Client;

const SEQUENCES: u64 = 60;
const CALLS: u32 = 60;

struct Booking {
    id: String,
    created: Timestamp,
    /// The time for which it has blocked its days.
    blocked: SignedDuration,
}

/// Customers of one car who never approve an order, and the crons.
struct Shop {
    service: Client,
    random: Random,
    car: String,
    now: Timestamp,
    /// In the order of their creation: their ids are random, and a seed must play the same calls.
    bookings: Vec<Booking>,
    orders: Vec<String>,
    /// Claims as `begin_authorization` returned them.
    claims: Vec<Value>,
    /// Each call that had an effect, with its outcome.
    outcomes: BTreeSet<String>,
}

impl Shop {
    fn arguments(&self, more: Value) -> Value {
        with(
            with(rental(&self.car, "2030-03-01", "2030-03-05"), more),
            json!({ "p_now": self.now.to_string() }),
        )
    }

    fn any<'a, T>(random: &mut Random, items: &'a [T]) -> Option<&'a T> {
        let count = u32::try_from(items.len()).unwrap();
        (count > 0).then(|| &items[random.below(count) as usize])
    }

    /// Makes one random call.
    async fn act(&mut self) {
        let now = self.now.to_string();
        match self.random.below(9) {
            0 => {
                let reference = format!("{}-{}", self.car, self.random.below(2));
                let arguments = self.arguments(json!({ "p_shop_reference": reference }));
                let result = call(&self.service, "create_booking", arguments).await;
                if result["outcome"] == "created" {
                    let id = result["booking"]["bookingId"].as_str().unwrap().to_owned();
                    self.bookings.push(Booking {
                        id,
                        created: self.now,
                        blocked: SignedDuration::ZERO,
                    });
                }
            }
            1..=3 => self.open_payment().await,
            4 | 5 => {
                if let Some(order) = Self::any(&mut self.random, &self.orders).cloned() {
                    let result = begin_authorization(&self.service, &order, &now).await;
                    if ["authorize", "look"]
                        .map(Value::from)
                        .contains(&result["outcome"])
                    {
                        self.outcomes
                            .insert(format!("begin: {}", result["outcome"].as_str().unwrap()));
                        self.claims.push(result);
                    }
                }
            }
            6 => {
                let kind =
                    ["retryable", "declined", "ended", "unknown"][self.random.below(4) as usize];
                if let Some(claim) = Self::any(&mut self.random, &self.claims) {
                    let failure = json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["requestId"], "p_error_code": "SOME_CODE", "p_kind": kind, "p_now": now });
                    let result = call(&self.service, "record_payment_failure", failure).await;
                    self.outcomes
                        .insert(format!("{kind}: {}", result["outcome"].as_str().unwrap()));
                }
            }
            7 => {
                call(&self.service, "expire_holds", json!({ "p_now": now })).await;
            }
            _ => {
                call(&self.service, "close_lost_orders", json!({ "p_now": now })).await;
            }
        }
    }

    async fn open_payment(&mut self) {
        let Some(booking) = Self::any(&mut self.random, &self.bookings) else {
            return;
        };
        let payment = json!({ "p_booking_id": booking.id, "p_car": self.car, "p_start_date": "2030-03-01", "p_end_date": "2030-03-05", "p_now": self.now.to_string() });
        let payment = call(&self.service, "open_payment", payment).await;
        if payment["outcome"] == "create_order" && !self.random.chance(4) {
            let order = format!("ORDER-{}", payment["requestId"].as_str().unwrap());
            let record = json!({ "p_payment_id": payment["paymentId"], "p_request_id": payment["requestId"], "p_order_id": order, "p_approve_url": "https://paypal.test/", "p_now": self.now.to_string() });
            call(&self.service, "record_paypal_order", record).await;
            self.orders.push(order);
        }
    }

    /// Moves the clock and adds the time for which each booking blocks its days.
    async fn wait(&mut self, time: SignedDuration) {
        let now = self.now.to_string();
        for booking in &mut self.bookings {
            let arguments = json!({ "p_booking_id": booking.id, "p_now": now });
            let shown = call(&self.service, "get_booking", arguments).await;
            if let Some(end) = shown["holdExpiresAt"].as_str() {
                let left = end.parse::<Timestamp>().unwrap().duration_since(self.now);
                booking.blocked += left.min(time);
            }
        }
        self.now += time;
    }
}

/// Returns the outcomes of the calls that had an effect.
async fn play(db: &Database, seed: u64) -> BTreeSet<String> {
    let slug = format!("car-{seed}").leak();
    Car {
        slug,
        ..Car::default()
    }
    .insert(db)
    .await;
    let mut shop = Shop {
        service: db.service().await,
        random: Random(seed * 7919 + 1),
        car: slug.to_owned(),
        now: "2030-01-10T12:00:00Z".parse().unwrap(),
        bookings: Vec::new(),
        orders: Vec::new(),
        claims: Vec::new(),
        outcomes: BTreeSet::new(),
    };
    for _ in 0..CALLS {
        shop.act().await;
        // Seconds, minutes, and now and then hours.
        let most = [5, 600, 1_200, 20_000][shop.random.below(4) as usize];
        let time = SignedDuration::from_secs(shop.random.below(most).into());
        shop.wait(time).await;
    }
    for Booking {
        id,
        created,
        blocked,
    } in &shop.bookings
    {
        assert!(
            *blocked <= SignedDuration::from_mins(60),
            "seed {seed}: booking {id} of {created} blocked its days for {blocked:#}"
        );
    }
    assert!(!shop.bookings.is_empty(), "seed {seed} made no booking");
    shop.outcomes
}

#[tokio::test]
async fn unapproved_booking_blocks_days_for_one_hour() {
    with_database(|db| async move {
        let mut outcomes = BTreeSet::new();
        for seed in 1..=SEQUENCES {
            outcomes.append(&mut play(&db, seed).await);
        }
        let all = [
            "begin: authorize",
            "begin: look",
            "declined: recorded",
            "ended: recorded",
            "retryable: recorded",
            "unknown: recorded",
        ];
        assert_eq!(outcomes, BTreeSet::from(all.map(str::to_owned)));
    })
    .await;
}
