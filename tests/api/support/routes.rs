//! All routes.

/// Path and allowed methods of each route.
pub(crate) const ROUTES: [(&str, &str); 29] = [
    ("/api/cars", "GET"),
    ("/api/cars/123", "GET"),
    ("/api/cars/availability", "GET"),
    ("/api/bookings", "POST"),
    ("/api/bookings/00000000-0000-4000-8000-000000000000", "GET"),
    ("/api/bookings/create-paypal-order", "POST"),
    ("/api/bookings/authorize-paypal-order", "POST"),
    (
        "/api/bookings/00000000-0000-4000-8000-000000000000/cancel",
        "POST",
    ),
    ("/api/webhooks/paypal", "POST"),
    ("/api/webhooks/retry", "GET"),
    ("/api/admin/bookings", "GET"),
    ("/api/admin/audit", "GET"),
    (
        "/api/admin/bookings/00000000-0000-4000-8000-000000000000/capture",
        "POST",
    ),
    (
        "/api/admin/bookings/00000000-0000-4000-8000-000000000000/void",
        "POST",
    ),
    (
        "/api/admin/bookings/00000000-0000-4000-8000-000000000000/refund",
        "POST",
    ),
    (
        "/api/admin/bookings/00000000-0000-4000-8000-000000000000/reauthorize",
        "POST",
    ),
    ("/api/admin/webhooks/WH-1/replay", "POST"),
    ("/api/admin/payments/reconcile", "GET, POST"),
    ("/api/admin/payments/drift", "GET"),
    ("/api/admin/process-payment-captures", "GET, POST"),
    ("/api/admin/cache-warm", "GET, POST"),
    ("/api/admin/cache/clear", "POST"),
    ("/api/admin/metrics", "GET"),
    ("/api/admin/metrics/errors", "GET"),
    ("/api/admin/metrics/cache", "GET"),
    ("/api/admin/metrics/cache/analysis", "GET"),
    ("/api/admin/rate-limit-monitoring", "GET, DELETE"),
    ("/api/demo/redis", "GET"),
    ("/api/health", "GET"),
];
