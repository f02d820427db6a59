//! What a request costs, counted: `docs/PERFORMANCE.md` says it, and it is exactly so.
//!
//! Redis itself counts the commands, those inside of scripts included, as Upstash bills them.

use crate::support::{
    checkout::text,
    client::Client,
    environment::{new_number, variable},
    instance::{Call, Instance, Upstream, get, header, json, post, random_ip},
    isolation::run_alone,
    local_system::{eventually, now},
    paypal,
    rental::Rental,
};
use bytes::Bytes;
use http::{Request, Response};
use jiff::SignedDuration;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use std::{fmt, net::IpAddr};

/// What one request costs.
struct Cost {
    redis_before: usize,
    redis_afterwards: usize,
    billed: u64,
    database: usize,
    paypal: usize,
    /// Calls before the answer of which each waited for the one before.
    in_a_row: usize,
}

/// The cells of its row.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            redis_before,
            redis_afterwards,
            billed,
            database,
            paypal,
            in_a_row,
        } = self;
        write!(
            f,
            "{redis_before} | {redis_afterwards} | {billed} | {database} | {paypal} | {in_a_row}"
        )
    }
}

/// An instance whose requests are counted, and its Redis.
struct Counted {
    instance: Instance,
    redis: MultiplexedConnection,
    client: IpAddr,
    rows: Vec<String>,
}

impl Counted {
    async fn start(changes: &[(&str, &str)]) -> Self {
        let redis = redis::Client::open(variable("REDIS_URL")).unwrap();
        let counted = Self {
            instance: Instance::start(now().await, changes),
            redis: redis.get_multiplexed_async_connection().await.unwrap(),
            client: random_ip(),
            rows: Vec::new(),
        };
        // The first answer of an instance is followed by telling what it counted, and Redis is to know the scripts.
        counted.serve(get("/api/cars")).await;
        counted.serve(get("/api/cars?search=scripts")).await;
        counted
    }

    async fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.instance.serve(self.client, request).await
    }

    /// Waits until nobody else's request is still at work in Redis.
    async fn settle(&self) {
        let redis = &self.redis;
        eventually("Redis is left alone", 10, || async {
            let before = commands(redis.clone()).await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            (commands(redis.clone()).await == before).then_some(())
        })
        .await;
    }

    /// Serves `request`, and notes what it cost as the row of `route` and `case`.
    async fn row(&mut self, route: &str, case: &str, request: Request<Bytes>) -> Response<Bytes> {
        self.settle().await;
        self.instance.take_calls();
        let before = commands(self.redis.clone()).await;
        let response = self.serve(request).await;
        let billed = commands(self.redis.clone()).await - before;
        let cost = cost(&self.instance.take_calls(), billed);
        self.rows.push(format!("| {route} | {case} | {cost} |"));
        response
    }

    /// Gives up what other tests left in the cache.
    async fn clear_the_cache(&self) {
        let mut clear = post("/api/admin/cache/clear", &json!({}));
        let token = format!("Bearer {}", variable("ADMIN_TOKEN"));
        clear
            .headers_mut()
            .insert("authorization", token.parse().unwrap());
        assert_eq!(self.serve(clear).await.status(), 200);
    }

    /// The rows of a cached route.
    async fn cached(&mut self, route: &str, path: &str) {
        // So that Redis knows the generation, as it does but for once a day.
        self.serve(get(path)).await;
        self.clear_the_cache().await;
        let cold = self.row(route, "miss", get(path)).await;
        assert_eq!(
            (cold.status().as_u16(), header(&cold, "x-cache")),
            (200, "MISS")
        );
        let kept = self.row(route, "hit", get(path)).await;
        assert_eq!(header(&kept, "x-cache"), "HIT");
        let mut known = get(path);
        let etag = kept.headers()["etag"].clone();
        known.headers_mut().insert("if-none-match", etag);
        assert_eq!(self.row(route, "hit, 304", known).await.status(), 304);
        // Past its freshness, which is five minutes at most, and not as long again.
        let fresh = if route == "GET /api/cars/{car}" {
            301
        } else if route == "GET /api/cars" {
            61
        } else {
            31
        };
        self.instance
            .advance_clock(SignedDuration::from_secs(fresh));
        // A new minute: what was counted is told, which is not this request's doing.
        self.serve(get("/api/health")).await;
        let old = self.row(route, "stale", get(path)).await;
        assert_eq!(header(&old, "x-cache"), "STALE");
    }
}

fn cost(calls: &[Call], billed: u64) -> Cost {
    let of = |upstream| calls.iter().filter(move |call| call.upstream == upstream);
    let before = calls.iter().filter(|call| !call.is_afterwards);
    Cost {
        redis_before: of(Upstream::Redis)
            .filter(|call| !call.is_afterwards)
            .count(),
        redis_afterwards: of(Upstream::Redis)
            .filter(|call| call.is_afterwards)
            .count(),
        billed,
        database: of(Upstream::Database).count(),
        paypal: of(Upstream::PayPal).count(),
        in_a_row: before.map(|call| call.place).max().unwrap_or(0),
    }
}

/// How many commands Redis has run, in scripts or not, but for those that look or connect.
async fn commands(mut redis: MultiplexedConnection) -> u64 {
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(&mut redis)
        .await
        .unwrap();
    info.lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="))
        .filter(|(name, _)| !["info", "hello", "client|setinfo", "select"].contains(name))
        .map(|(_, rest)| rest.split(',').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// The table's rows without what is aimed at, which is for people.
fn documented() -> Vec<String> {
    let document = include_str!("../../docs/PERFORMANCE.md");
    let table = document
        .split("## Budgets")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        format!("| {} |", cells[..8].join(" | "))
    })
    .collect()
}

#[tokio::test]
async fn every_request_costs_what_the_documentation_says() {
    run_alone(async {
        let client = Client::new();
        let mut rows = Vec::new();
        let mut counted = Counted::start(&[]).await;
        counted
            .cached(
                "GET /api/cars",
                &format!("/api/cars?search=budget{}", new_number(1 << 30)),
            )
            .await;
        let car = Rental::far_ahead(&client, 2).await.car;
        counted
            .cached("GET /api/cars/{car}", &format!("/api/cars/{car}"))
            .await;
        let rental = Rental::far_ahead(&client, 2).await;
        counted
            .cached("GET /api/cars/availability", &rental.availability_path())
            .await;
        book_and_pay(&mut counted, &rental).await;
        hold_and_cancel(&mut counted, &Rental::far_ahead(&client, 2).await).await;
        let health = counted
            .row("GET /api/health", "all is well", get("/api/health"))
            .await;
        json(200, &health);
        let path = "/api/cars";
        for earlier in [path, "/api/health"] {
            counted.instance.advance_clock(SignedDuration::from_secs(5));
            counted.serve(get(earlier)).await;
        }
        counted.instance.advance_clock(SignedDuration::from_secs(5));
        let telling = counted.row("GET /api/cars", "hit, and counts told", get(path));
        assert_eq!(header(&telling.await, "x-cache"), "HIT");
        rows.append(&mut counted.rows);

        let mut strict = Counted::start(&[
            ("RATE_LIMIT_PUBLIC", "2/60s"),
            ("RATE_LIMIT_BOOKING", "1/60s"),
        ])
        .await;
        let denied = strict
            .row("GET /api/cars", "limited", get("/api/cars"))
            .await;
        assert_eq!(denied.status(), 429);
        let cold = format!("/api/cars?search=limited{}", new_number(1 << 30));
        let denied = strict
            .row("GET /api/cars", "limited, not kept", get(&cold))
            .await;
        assert_eq!(denied.status(), 429);
        strict.serve(post("/api/bookings", &json!({}))).await;
        let denied = strict
            .row(
                "POST /api/bookings",
                "limited",
                post("/api/bookings", &rental.body()),
            )
            .await;
        assert_eq!(denied.status(), 429);
        rows.append(&mut strict.rows);

        let mut without = Counted::start(&[("REDIS_BYPASS", "true")]).await;
        without_redis(&mut without, "bypass", &Rental::far_ahead(&client, 2).await).await;
        rows.append(&mut without.rows);
        let mut without = Counted::start(&[]).await;
        without.instance.disconnect_redis();
        without.serve(get("/api/cars")).await;
        without_redis(
            &mut without,
            "breaker open",
            &Rental::far_ahead(&client, 2).await,
        )
        .await;
        rows.append(&mut without.rows);

        assert_eq!(rows, documented(), "counted:\n{}", rows.join("\n"));
    })
    .await;
}

/// From the hold to the authorization, each step counted, and again.
async fn book_and_pay(counted: &mut Counted, rental: &Rental) {
    let hold = |case| ("POST /api/bookings", case);
    let (route, case) = hold("new");
    let made = counted
        .row(route, case, post("/api/bookings", &rental.body()))
        .await;
    let booking = json(201, &made)["bookingId"].clone();
    let (route, case) = hold("days taken");
    let taken = counted
        .row(route, case, post("/api/bookings", &rental.body()))
        .await;
    assert_eq!(taken.status(), 409);

    // The token of PayPal is kept for hours.
    warm_paypal(counted).await;
    let mut asked = rental.body();
    asked["bookingId"] = booking;
    let path = "/api/bookings/create-paypal-order";
    let order = json(
        201,
        &counted
            .row(&format!("POST {path}"), "new", post(path, &asked))
            .await,
    );
    let again = counted
        .row(&format!("POST {path}"), "again", post(path, &asked))
        .await;
    assert_eq!(json(201, &again)["orderID"], order["orderID"]);
    paypal::approve(&text(&order["approveUrl"])).await;
    let path = "/api/bookings/authorize-paypal-order";
    let asked: Value = json!({"orderID": order["orderID"]});
    json(
        200,
        &counted
            .row(&format!("POST {path}"), "new", post(path, &asked))
            .await,
    );
    json(
        200,
        &counted
            .row(&format!("POST {path}"), "again", post(path, &asked))
            .await,
    );
}

/// A hold that its customer looks at and gives up.
async fn hold_and_cancel(counted: &mut Counted, rental: &Rental) {
    let made = counted.serve(post("/api/bookings", &rental.body())).await;
    let made = json(201, &made);
    let path = format!("/api/bookings/{}", text(&made["bookingId"]));
    let bearer = format!("Bearer {}", text(&made["bookingToken"]));
    let as_holder = |mut request: Request<Bytes>| {
        let bearer = bearer.parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        request
    };
    let look = as_holder(get(&path));
    json(
        200,
        &counted
            .row("GET /api/bookings/{id}", "by its holder", look)
            .await,
    );
    let cancel = as_holder(post(&format!("{path}/cancel"), &json!({})));
    let cancelled = counted.row("POST /api/bookings/{id}/cancel", "not paid", cancel);
    json(200, &cancelled.await);
}

/// An order that nobody counts.
async fn warm_paypal(counted: &mut Counted) {
    let rental = Rental::far_ahead(&Client::new(), 2).await;
    let made = counted.serve(post("/api/bookings", &rental.body())).await;
    let mut asked = rental.body();
    asked["bookingId"] = json(201, &made)["bookingId"].clone();
    json(
        201,
        &counted
            .serve(post("/api/bookings/create-paypal-order", &asked))
            .await,
    );
}

async fn without_redis(counted: &mut Counted, case: &str, rental: &Rental) {
    let list = counted.row("GET /api/cars", case, get("/api/cars")).await;
    assert_eq!(header(&list, "x-cache"), "BYPASS");
    json(
        201,
        &counted
            .row(
                "POST /api/bookings",
                case,
                post("/api/bookings", &rental.body()),
            )
            .await,
    );
}
