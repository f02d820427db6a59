//! The table of all routes. `api/` has one function for each of them, which `script/generate`
//! writes.

use super::{admin, bookings, cars, demo_redis, health, problems::Problem, webhooks};
use crate::{
    app::App,
    web::{reply::Reply, request::Request},
};
use futures_util::future::BoxFuture;
use http::Method;

type Handler = for<'a> fn(&'a App, &'a Request) -> BoxFuture<'a, Result<Reply, Problem>>;

/// One route.
pub struct Route {
    /// The function's file under `api/`, without `.rs`. With hyphens for slashes it names the
    /// binary.
    pub name: &'static str,
    /// The value of `Allow`. GET includes HEAD.
    pub methods: &'static str,
    /// The path that clients use. `{car}` and `{id}` stand for one segment.
    pub path: &'static str,
    /// The time in which it responds.
    pub seconds: u64,
    pub(super) handler: Handler,
}

impl Route {
    pub(super) fn supports(&self, method: &Method) -> bool {
        let mut methods = self.methods.split(", ");
        methods.any(|supported| supported == method.as_str())
    }

    /// Whether a request with `method` may change something. A cron's route takes POST, and does
    /// the same on GET.
    pub(super) fn changes(&self, method: &Method) -> bool {
        *method != Method::GET || self.supports(&Method::POST)
    }
}

macro_rules! routes {
    ($($name:literal $methods:literal $path:literal $seconds:literal $handler:path,)*) => {
        /// Every route. A path without a parameter comes before one whose parameter it would match.
        pub static TABLE: &[Route] = &[$(Route {
            name: $name,
            methods: $methods,
            path: $path,
            seconds: $seconds,
            handler: |app, request| Box::pin($handler(app, request)),
        },)*];
    };
}

routes! {
    // function, methods, path, seconds, handler
    "cars"                            "GET"         "/api/cars"                             10 cars::list::list,
    "cars/availability"               "GET"         "/api/cars/availability"                10 cars::availability::show,
    "car"                             "GET"         "/api/cars/{car}"                       10 cars::show::show,
    "bookings"                        "POST"        "/api/bookings"                         15 bookings::create::create,
    "bookings/create-paypal-order"    "POST"        "/api/bookings/create-paypal-order"     30 bookings::create_paypal_order::create,
    "bookings/authorize-paypal-order" "POST"        "/api/bookings/authorize-paypal-order"  50 bookings::authorize_paypal_order::authorize,
    "booking"                         "GET"         "/api/bookings/{id}"                    10 bookings::show::show,
    "bookings/cancel"                 "POST"        "/api/bookings/{id}/cancel"             50 bookings::cancel::cancel,
    "webhooks/paypal"                 "POST"        "/api/webhooks/paypal"                  30 webhooks::paypal::receive,
    "webhooks/retry"                  "GET"         "/api/webhooks/retry"                   50 webhooks::retry::run,
    "admin/bookings"                  "GET"         "/api/admin/bookings"                   10 admin::bookings::list::list,
    "admin/audit"                     "GET"         "/api/admin/audit"                      10 admin::audit::list,
    "admin/bookings/capture"          "POST"        "/api/admin/bookings/{id}/capture"      50 admin::bookings::capture::capture,
    "admin/bookings/void"             "POST"        "/api/admin/bookings/{id}/void"         50 admin::bookings::void::void,
    "admin/bookings/refund"           "POST"        "/api/admin/bookings/{id}/refund"       50 admin::bookings::refund::refund,
    "admin/bookings/reauthorize"      "POST"        "/api/admin/bookings/{id}/reauthorize"  50 admin::bookings::reauthorize::reauthorize,
    "admin/webhooks/replay"           "POST"        "/api/admin/webhooks/{id}/replay"       50 admin::webhooks_replay::replay,
    "admin/payments/reconcile"        "GET, POST"   "/api/admin/payments/reconcile"        240 admin::payments_reconcile::run,
    "admin/payments/drift"            "GET"         "/api/admin/payments/drift"             10 admin::payments_drift::show,
    "admin/payments/findings/acknowledge" "POST"    "/api/admin/payments/findings/acknowledge" 10 admin::payments_acknowledge::acknowledge,
    "admin/process-payment-captures"  "GET, POST"   "/api/admin/process-payment-captures"  240 admin::process_payment_captures::run,
    "admin/retention"                 "GET, POST"   "/api/admin/retention"                 240 admin::retention::run,
    "admin/cache-warm"                "GET, POST"   "/api/admin/cache-warm"                120 admin::cache_warm::warm,
    "admin/cache/clear"               "POST"        "/api/admin/cache/clear"                10 admin::cache_clear::clear,
    "admin/metrics"                   "GET"         "/api/admin/metrics"                    10 admin::metrics::overview,
    "admin/metrics/errors"            "GET"         "/api/admin/metrics/errors"             10 admin::metrics::errors,
    "admin/metrics/cache"             "GET"         "/api/admin/metrics/cache"              10 admin::metrics::cache,
    "admin/metrics/cache/analysis"    "GET"         "/api/admin/metrics/cache/analysis"     10 admin::metrics::cache_analysis,
    "admin/rate-limit-monitoring"     "GET, DELETE" "/api/admin/rate-limit-monitoring"      10 admin::rate_limit_monitoring::monitor,
    "demo/redis"                      "GET"         "/api/demo/redis"                        5 demo_redis::show,
    "health"                          "GET"         "/api/health"                            5 health::show,
}
