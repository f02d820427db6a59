//! The table of all routes. Hosts serve it, `api/` has one function for each entry, and a test compares the two with
//! `docs/API.md`.
//!
//! A handler reads as the steps a person would write down: read the request, let it in, load, decide, answer.

mod access;
mod admin_audit;
mod admin_bookings;
mod admin_bookings_capture;
mod admin_bookings_reauthorize;
mod admin_bookings_refund;
mod admin_bookings_void;
mod admin_cache_clear;
mod admin_cache_warm;
mod admin_metrics;
mod admin_payments_drift;
mod admin_payments_reconcile;
mod admin_process_payment_captures;
mod admin_rate_limit_monitoring;
mod admin_webhooks_replay;
mod booking;
mod bookings;
mod bookings_authorize_paypal_order;
mod bookings_cancel;
mod bookings_create_paypal_order;
mod cached;
mod car;
mod cars;
mod cars_availability;
mod cors;
mod demo_redis;
mod dispatch;
mod health;
mod minutes;
mod problems;
mod reason;
mod warming;
mod webhooks_paypal;
mod webhooks_retry;

pub use dispatch::{MAX_BODY_BYTES, Service};

use crate::{
    app::App,
    http::{fields::Fields, reply::Reply, request::Request},
    problem::{Code, Problem},
};
use futures_util::future::BoxFuture;

type Handler = for<'a> fn(&'a App, &'a Request) -> BoxFuture<'a, Result<Reply, Problem>>;

/// One route.
pub struct Route {
    /// The function's file under `api/`, without `.rs`; with hyphens for slashes the name of its binary.
    pub name: &'static str,
    /// The path clients use. `{car}` and `{id}` stand for one segment.
    pub path: &'static str,
    /// The methods it takes, as in `Allow`. HEAD comes with GET.
    pub methods: &'static str,
    /// Seconds within which it answers.
    pub seconds: u64,
    handler: Handler,
}

/// Every route of the product. A path without a parameter comes before one that could swallow it.
pub static TABLE: [Route; 29] = [
    Route {
        name: "cars",
        path: "/api/cars",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(cars::list(app, request)),
    },
    Route {
        name: "cars/availability",
        path: "/api/cars/availability",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(cars_availability::show(app, request)),
    },
    Route {
        name: "car",
        path: "/api/cars/{car}",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(car::show(app, request)),
    },
    Route {
        name: "bookings",
        path: "/api/bookings",
        methods: "POST",
        seconds: 15,
        handler: |app, request| Box::pin(bookings::create(app, request)),
    },
    Route {
        name: "bookings/create-paypal-order",
        path: "/api/bookings/create-paypal-order",
        methods: "POST",
        seconds: 30,
        handler: |app, request| Box::pin(bookings_create_paypal_order::create(app, request)),
    },
    Route {
        name: "bookings/authorize-paypal-order",
        path: "/api/bookings/authorize-paypal-order",
        methods: "POST",
        seconds: 50,
        handler: |app, request| Box::pin(bookings_authorize_paypal_order::authorize(app, request)),
    },
    Route {
        name: "booking",
        path: "/api/bookings/{id}",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(booking::show(app, request)),
    },
    Route {
        name: "bookings/cancel",
        path: "/api/bookings/{id}/cancel",
        methods: "POST",
        seconds: 50,
        handler: |app, request| Box::pin(bookings_cancel::cancel(app, request)),
    },
    Route {
        name: "webhooks/paypal",
        path: "/api/webhooks/paypal",
        methods: "POST",
        seconds: 30,
        handler: |app, request| Box::pin(webhooks_paypal::receive(app, request)),
    },
    Route {
        name: "webhooks/retry",
        path: "/api/webhooks/retry",
        methods: "GET",
        seconds: 50,
        handler: |app, request| Box::pin(webhooks_retry::run(app, request)),
    },
    Route {
        name: "admin/bookings",
        path: "/api/admin/bookings",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(admin_bookings::list(app, request)),
    },
    Route {
        name: "admin/audit",
        path: "/api/admin/audit",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(admin_audit::list(app, request)),
    },
    Route {
        name: "admin/bookings/capture",
        path: "/api/admin/bookings/{id}/capture",
        methods: "POST",
        seconds: 50,
        handler: |app, request| Box::pin(admin_bookings_capture::capture(app, request)),
    },
    Route {
        name: "admin/bookings/void",
        path: "/api/admin/bookings/{id}/void",
        methods: "POST",
        seconds: 50,
        handler: |app, request| Box::pin(admin_bookings_void::void(app, request)),
    },
    Route {
        name: "admin/bookings/refund",
        path: "/api/admin/bookings/{id}/refund",
        methods: "POST",
        seconds: 50,
        handler: |app, request| Box::pin(admin_bookings_refund::refund(app, request)),
    },
    Route {
        name: "admin/bookings/reauthorize",
        path: "/api/admin/bookings/{id}/reauthorize",
        methods: "POST",
        seconds: 50,
        handler: |app, request| Box::pin(admin_bookings_reauthorize::reauthorize(app, request)),
    },
    Route {
        name: "admin/webhooks/replay",
        path: "/api/admin/webhooks/{id}/replay",
        methods: "POST",
        seconds: 50,
        handler: |app, request| Box::pin(admin_webhooks_replay::replay(app, request)),
    },
    Route {
        name: "admin/payments/reconcile",
        path: "/api/admin/payments/reconcile",
        methods: "GET, POST",
        seconds: 240,
        handler: |app, request| Box::pin(admin_payments_reconcile::run(app, request)),
    },
    Route {
        name: "admin/payments/drift",
        path: "/api/admin/payments/drift",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(admin_payments_drift::show(app, request)),
    },
    Route {
        name: "admin/process-payment-captures",
        path: "/api/admin/process-payment-captures",
        methods: "GET, POST",
        seconds: 240,
        handler: |app, request| Box::pin(admin_process_payment_captures::run(app, request)),
    },
    Route {
        name: "admin/cache-warm",
        path: "/api/admin/cache-warm",
        methods: "GET, POST",
        seconds: 120,
        handler: |app, request| Box::pin(admin_cache_warm::warm(app, request)),
    },
    Route {
        name: "admin/cache/clear",
        path: "/api/admin/cache/clear",
        methods: "POST",
        seconds: 10,
        handler: |app, request| Box::pin(admin_cache_clear::clear(app, request)),
    },
    Route {
        name: "admin/metrics",
        path: "/api/admin/metrics",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(admin_metrics::overview(app, request)),
    },
    Route {
        name: "admin/metrics/errors",
        path: "/api/admin/metrics/errors",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(admin_metrics::errors(app, request)),
    },
    Route {
        name: "admin/metrics/cache",
        path: "/api/admin/metrics/cache",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(admin_metrics::cache(app, request)),
    },
    Route {
        name: "admin/metrics/cache/analysis",
        path: "/api/admin/metrics/cache/analysis",
        methods: "GET",
        seconds: 10,
        handler: |app, request| Box::pin(admin_metrics::cache_analysis(app, request)),
    },
    Route {
        name: "admin/rate-limit-monitoring",
        path: "/api/admin/rate-limit-monitoring",
        methods: "GET, DELETE",
        seconds: 10,
        handler: |app, request| Box::pin(admin_rate_limit_monitoring::monitor(app, request)),
    },
    Route {
        name: "demo/redis",
        path: "/api/demo/redis",
        methods: "GET",
        seconds: 5,
        handler: |app, request| Box::pin(demo_redis::show(app, request)),
    },
    Route {
        name: "health",
        path: "/api/health",
        methods: "GET",
        seconds: 5,
        handler: |app, request| Box::pin(health::show(app, request)),
    },
];

/// The fields of a JSON body.
fn json_fields(request: &Request) -> Result<Fields, Problem> {
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(Code::UnsupportedMediaType)
            .detail("Send the body as JSON, with Content-Type: application/json."));
    }
    Fields::from_json(&request.body).map_err(Problem::from)
}
