//! The cost of each request, counted and compared with the table in `docs/PERFORMANCE.md`.
//!
//! Redis counts its commands, including those inside scripts, as Upstash bills them.

use crate::support::{
    checkout::text,
    client::Client,
    environment::{new_number, variable},
    faults::Upstream,
    instance::{Call, Instance, as_operator, get, header, json, post, random_ip},
    isolation::run_alone,
    local_system::{now, settled_count},
    paypal,
    rental::Rental,
};
use bytes::Bytes;
use http::{Request, Response};
use jiff::SignedDuration;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use std::{fmt, net::IpAddr};

/// The cost of one request.
struct Cost {
    redis_before: usize,
    redis_after: usize,
    billed: u64,
    database: usize,
    paypal: usize,
    /// Length of the longest chain of calls before the response.
    sequential: usize,
}

/// The cells of a table row.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            redis_before,
            redis_after,
            billed,
            database,
            paypal,
            sequential,
        } = self;
        write!(
            f,
            "{redis_before} | {redis_after} | {billed} | {database} | {paypal} | {sequential}"
        )
    }
}

/// Measures requests to one instance, and keeps the rows of the table.
struct CostMeter {
    instance: Instance,
    redis: MultiplexedConnection,
    client: IpAddr,
    rows: Vec<String>,
}

impl CostMeter {
    async fn start(changes: &[(&str, &str)]) -> Self {
        let redis = redis::Client::open(variable("REDIS_URL")).unwrap();
        let meter = Self {
            instance: Instance::start(now().await, changes),
            redis: redis.get_multiplexed_async_connection().await.unwrap(),
            client: random_ip(),
            rows: Vec::new(),
        };
        // The first response of an instance is followed by a report of its counts. Redis also
        // learns the scripts.
        meter.serve(get("/api/cars")).await;
        meter.serve(get("/api/cars?search=scripts")).await;
        meter
    }

    async fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.instance.serve(self.client, request).await
    }

    /// Waits until no other request uses Redis.
    async fn wait_until_idle(&self) {
        settled_count("Redis is idle", || command_count(self.redis.clone())).await;
    }

    /// Serves `request`, and adds its cost as the row of `route` and `case`.
    async fn measure(
        &mut self,
        route: &str,
        case: &str,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        self.wait_until_idle().await;
        self.instance.take_calls();
        let before = command_count(self.redis.clone()).await;
        let response = self.serve(request).await;
        let billed = command_count(self.redis.clone()).await - before;
        let cost = cost_of(&self.instance.take_calls(), billed);
        self.rows.push(format!("| {route} | {case} | {cost} |"));
        response
    }

    async fn clear_cache(&self) {
        let clear = as_operator(post("/api/admin/cache/clear", &json!({})));
        assert_eq!(self.serve(clear).await.status(), 200);
    }

    /// Measures a cached route.
    async fn measure_cached(&mut self, route: &str, path: &str) {
        // Sets the generation in Redis, which a request has to do only once a day.
        self.serve(get(path)).await;
        self.clear_cache().await;
        let miss = self.measure(route, "miss", get(path)).await;
        assert_eq!(
            (miss.status().as_u16(), header(&miss, "x-cache")),
            (200, "MISS")
        );
        let hit = self.measure(route, "hit", get(path)).await;
        assert_eq!(header(&hit, "x-cache"), "HIT");
        let mut conditional = get(path);
        let etag = hit.headers()["etag"].clone();
        conditional.headers_mut().insert("if-none-match", etag);
        let not_modified = self.measure(route, "hit, 304", conditional).await;
        assert_eq!(not_modified.status(), 304);
        // Seconds after the freshness, but before twice the freshness.
        let age = if route == "GET /api/cars/{car}" {
            301
        } else if route == "GET /api/cars" {
            61
        } else {
            31
        };
        self.instance.advance_clock(SignedDuration::from_secs(age));
        // This request triggers the report of counts, so that the next one does not.
        self.serve(get("/api/health")).await;
        let stale = self.measure(route, "stale", get(path)).await;
        assert_eq!(header(&stale, "x-cache"), "STALE");
    }
}

/// An instance asks Redis for a body once. Later replies hold the head of the envelope alone.
#[tokio::test]
async fn known_body_is_sent_once() {
    run_alone(async {
        let meter = CostMeter::start(&[]).await;
        meter.clear_cache().await;
        meter.serve(get("/api/cars?limit=50")).await;
        let mut sent = Vec::new();
        let mut body = 0;
        for _ in 0..3 {
            meter.instance.take_calls();
            let hit = meter.serve(get("/api/cars?limit=50")).await;
            assert_eq!(header(&hit, "x-cache"), "HIT");
            body = hit.body().len();
            let calls = meter.instance.take_calls();
            let lookup = calls.iter().find(|call| call.upstream == Upstream::Redis);
            sent.push(lookup.unwrap().response_bytes);
        }
        assert!(sent[0] > body, "{sent:?} for a body of {body} bytes");
        assert!(sent[1] < 300 && sent[2] == sent[1], "{sent:?}");
    })
    .await;
}

fn cost_of(calls: &[Call], billed: u64) -> Cost {
    let of = |upstream| calls.iter().filter(move |call| call.upstream == upstream);
    let before = calls.iter().filter(|call| !call.is_after_response);
    Cost {
        redis_before: of(Upstream::Redis)
            .filter(|call| !call.is_after_response)
            .count(),
        redis_after: of(Upstream::Redis)
            .filter(|call| call.is_after_response)
            .count(),
        billed,
        database: of(Upstream::Database).count(),
        paypal: of(Upstream::PayPal).count(),
        sequential: before.map(|call| call.depth).max().unwrap_or(0),
    }
}

/// The number of commands that Redis has run, without those that inspect or connect.
async fn command_count(mut redis: MultiplexedConnection) -> u64 {
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

/// The rows of the documented table, without the column of goals.
fn documented_rows() -> Vec<String> {
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
async fn request_costs_match_documentation() {
    run_alone(async {
        let client = Client::new();
        let mut rows = Vec::new();
        let mut meter = CostMeter::start(&[]).await;
        meter
            .measure_cached(
                "GET /api/cars",
                &format!("/api/cars?search=budget{}", new_number(1 << 30)),
            )
            .await;
        let car = Rental::far_ahead(&client, 2).await.car;
        meter
            .measure_cached("GET /api/cars/{car}", &format!("/api/cars/{car}"))
            .await;
        let rental = Rental::far_ahead(&client, 2).await;
        meter
            .measure_cached("GET /api/cars/availability", &rental.availability_path())
            .await;
        book_and_pay(&mut meter, &rental).await;
        hold_and_cancel(&mut meter, &Rental::far_ahead(&client, 2).await).await;
        let health = meter
            .measure("GET /api/health", "all is well", get("/api/health"))
            .await;
        json(200, &health);
        let path = "/api/cars";
        for earlier in [path, "/api/health"] {
            meter.instance.advance_clock(SignedDuration::from_secs(5));
            meter.serve(get(earlier)).await;
        }
        meter.instance.advance_clock(SignedDuration::from_secs(5));
        let reporting = meter.measure("GET /api/cars", "hit, counts reported", get(path));
        assert_eq!(header(&reporting.await, "x-cache"), "HIT");
        rows.append(&mut meter.rows);

        rows.append(&mut limited_rows(&rental).await);
        rows.append(&mut rows_without_redis(&client).await);
        assert_eq!(rows, documented_rows(), "measured:\n{}", rows.join("\n"));
    })
    .await;
}

/// Measures requests that a rate limit refuses.
async fn limited_rows(rental: &Rental) -> Vec<String> {
    let mut strict = CostMeter::start(&[
        ("RATE_LIMIT_PUBLIC", "2/60s"),
        ("RATE_LIMIT_BOOKING", "1/60s"),
    ])
    .await;
    let denied = strict
        .measure("GET /api/cars", "limited", get("/api/cars"))
        .await;
    assert_eq!(denied.status(), 429);
    let cold = format!("/api/cars?search=limited{}", new_number(1 << 30));
    let denied = strict
        .measure("GET /api/cars", "limited, not recorded", get(&cold))
        .await;
    assert_eq!(denied.status(), 429);
    let path = "/api/bookings";
    strict.serve(post(path, &json!({}))).await;
    let denied = strict
        .measure("POST /api/bookings", "limited", post(path, &rental.body()))
        .await;
    assert_eq!(denied.status(), 429);
    strict.rows
}

/// Measures requests that skip Redis.
async fn rows_without_redis(client: &Client) -> Vec<String> {
    let mut bypassing = CostMeter::start(&[("REDIS_BYPASS", "true")]).await;
    let rental = Rental::far_ahead(client, 2).await;
    measure_without_redis(&mut bypassing, "bypass", &rental).await;
    let mut disconnected = CostMeter::start(&[]).await;
    disconnected.instance.disconnect_redis();
    disconnected.serve(get("/api/cars")).await;
    let rental = Rental::far_ahead(client, 2).await;
    measure_without_redis(&mut disconnected, "breaker open", &rental).await;
    [bypassing.rows, disconnected.rows].concat()
}

/// Measures the steps from the hold to the authorization, each also when repeated.
async fn book_and_pay(meter: &mut CostMeter, rental: &Rental) {
    let path = "/api/bookings";
    let hold = meter
        .measure("POST /api/bookings", "new", post(path, &rental.body()))
        .await;
    let booking = json(201, &hold)["bookingId"].clone();
    let conflict = meter
        .measure(
            "POST /api/bookings",
            "days taken",
            post(path, &rental.body()),
        )
        .await;
    assert_eq!(conflict.status(), 409);

    // An instance keeps PayPal's token for hours, so the table does not count it.
    warm_paypal(meter).await;
    let mut body = rental.body();
    body["bookingId"] = booking;
    let path = "/api/bookings/create-paypal-order";
    let order = json(
        201,
        &meter
            .measure(&format!("POST {path}"), "new", post(path, &body))
            .await,
    );
    let again = meter
        .measure(&format!("POST {path}"), "again", post(path, &body))
        .await;
    assert_eq!(json(201, &again)["orderID"], order["orderID"]);
    paypal::approve(&text(&order["approveUrl"])).await;
    let path = "/api/bookings/authorize-paypal-order";
    let body: Value = json!({"orderID": order["orderID"]});
    json(
        200,
        &meter
            .measure(&format!("POST {path}"), "new", post(path, &body))
            .await,
    );
    json(
        200,
        &meter
            .measure(&format!("POST {path}"), "again", post(path, &body))
            .await,
    );
}

/// Measures reading and canceling a hold.
async fn hold_and_cancel(meter: &mut CostMeter, rental: &Rental) {
    let hold = meter.serve(post("/api/bookings", &rental.body())).await;
    let hold = json(201, &hold);
    let path = format!("/api/bookings/{}", text(&hold["bookingId"]));
    let bearer = format!("Bearer {}", text(&hold["bookingToken"]));
    let as_holder = |mut request: Request<Bytes>| {
        let bearer = bearer.parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        request
    };
    let read = as_holder(get(&path));
    json(
        200,
        &meter
            .measure("GET /api/bookings/{id}", "by its holder", read)
            .await,
    );
    let cancel = as_holder(post(&format!("{path}/cancel"), &json!({})));
    let canceled = meter.measure("POST /api/bookings/{id}/cancel", "not paid", cancel);
    json(200, &canceled.await);
}

/// Creates an order without measuring it, so that the instance has PayPal's token.
async fn warm_paypal(meter: &mut CostMeter) {
    let rental = Rental::far_ahead(&Client::new(), 2).await;
    let hold = meter.serve(post("/api/bookings", &rental.body())).await;
    let mut body = rental.body();
    body["bookingId"] = json(201, &hold)["bookingId"].clone();
    json(
        201,
        &meter
            .serve(post("/api/bookings/create-paypal-order", &body))
            .await,
    );
}

async fn measure_without_redis(meter: &mut CostMeter, case: &str, rental: &Rental) {
    let list = meter.measure("GET /api/cars", case, get("/api/cars")).await;
    assert_eq!(header(&list, "x-cache"), "BYPASS");
    json(
        201,
        &meter
            .measure(
                "POST /api/bookings",
                case,
                post("/api/bookings", &rental.body()),
            )
            .await,
    );
}
