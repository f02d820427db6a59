//! Cron Triggers. <https://developers.cloudflare.com/workers/configuration/cron-triggers/>
//!
//! A trigger only says which schedule fired. What it means is the route's business, so it becomes the request that
//! the cron of any other host would make.

use bytes::Bytes;
use http::{HeaderValue, Request, header};

/// The schedule in `wrangler.toml`, and the path that it calls.
const CRONS: [(&str, &str); 3] = [
    ("*/15 * * * *", "/api/admin/process-payment-captures"),
    ("*/5 * * * *", "/api/webhooks/retry"),
    ("30 * * * *", "/api/admin/payments/reconcile"),
];

/// The request that `schedule` stands for. Without a secret there is none: the route would do nothing, and say 200.
pub(crate) fn request(schedule: &str, secret: Option<String>) -> Option<Request<Bytes>> {
    let Some((_, path)) = CRONS.iter().find(|(known, _)| *known == schedule) else {
        log::error!("cron=\"{schedule}\" has no route");
        return None;
    };
    let authorization = secret
        .map(|secret| format!("Bearer {}", secret.trim()))
        .and_then(|value| HeaderValue::try_from(value).ok());
    let Some(mut authorization) = authorization else {
        log::error!(
            "cron=\"{schedule}\" cannot run: CRON_SECRET is not set, or no header can carry it"
        );
        return None;
    };
    authorization.set_sensitive(true);
    Request::get(*path)
        .header(header::AUTHORIZATION, authorization)
        .body(Bytes::new())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cron_is_configured_for_both_platforms() {
        let wrangler = include_str!("../wrangler.toml");
        let vercel = include_str!("../../../vercel.json");
        let schedules = CRONS
            .map(|(schedule, _)| format!("\"{schedule}\""))
            .join(", ");
        assert!(wrangler.contains(&format!("crons = [{schedules}]")));
        let entries = CRONS.map(|(schedule, path)| {
            format!("{{ \"path\": \"{path}\", \"schedule\": \"{schedule}\" }}")
        });
        assert!(entries.iter().all(|entry| vercel.contains(entry)));
        assert_eq!(vercel.matches("\"schedule\"").count(), CRONS.len());
    }

    #[test]
    fn every_cron_calls_a_route() {
        for (_, path) in CRONS {
            assert!(
                exodrive::routes::TABLE
                    .iter()
                    .any(|route| route.path == path),
                "{path}"
            );
        }
    }

    #[test]
    fn a_cron_presents_the_secret() {
        let request = request("*/15 * * * *", Some(" 0123456789abcdef\n".to_owned())).unwrap();
        assert_eq!(request.uri().path(), "/api/admin/process-payment-captures");
        assert_eq!(
            request.headers()["authorization"],
            "Bearer 0123456789abcdef"
        );
    }

    #[test]
    fn nothing_runs_without_a_secret_or_for_a_schedule_nobody_knows() {
        assert!(request("*/15 * * * *", None).is_none());
        assert!(request("* * * * *", Some("0123456789abcdef".to_owned())).is_none());
    }
}
