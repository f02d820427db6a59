//! Cron Triggers. <https://developers.cloudflare.com/workers/configuration/cron-triggers/>
//!
//! A trigger only names the schedule that fired. This module turns it into the request that crons
//! of other hosts send.

use bytes::Bytes;
use http::{HeaderValue, Request, header};

/// The schedules of `wrangler.toml` and their paths.
const CRONS: &[(&str, &str)] = &[
    ("*/15 * * * *", "/api/admin/process-payment-captures"),
    ("*/5 * * * *", "/api/webhooks/retry"),
    ("30 * * * *", "/api/admin/payments/reconcile"),
    ("17 4 * * *", "/api/admin/retention"),
];

/// The request for `schedule`. `None` without a secret, because the route would then return 200 and
/// do nothing.
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
            "cron=\"{schedule}\" cannot run: CRON_SECRET is not set, or is no valid header value"
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
    use serde_json::Value;
    use std::collections::BTreeSet;
    use toml::Table;

    /// The order in a platform's configuration does not matter.
    fn sorted<T: Ord>(list: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut sorted: Vec<T> = list.into_iter().collect();
        sorted.sort();
        sorted
    }

    #[test]
    fn crons_equal_those_of_vercel() {
        let vercel: Value = serde_json::from_str(include_str!("../../../vercel.json")).unwrap();
        let crons = vercel["crons"].as_array().unwrap().iter().map(|cron| {
            let schedule = cron["schedule"].as_str().unwrap();
            (schedule, cron["path"].as_str().unwrap())
        });
        assert_eq!(sorted(CRONS.iter().copied()), sorted(crons));
    }

    #[test]
    fn every_schedule_has_trigger_and_one_path() {
        let wrangler: Table = include_str!("../wrangler.toml").parse().unwrap();
        let triggers = wrangler["triggers"]["crons"].as_array().unwrap();
        let schedules = triggers.iter().map(|cron| cron.as_str().unwrap());
        assert_eq!(
            sorted(CRONS.iter().map(|(schedule, _)| *schedule)),
            sorted(schedules)
        );
        let distinct: BTreeSet<_> = CRONS.iter().map(|(schedule, _)| schedule).collect();
        assert_eq!(distinct.len(), CRONS.len());
    }

    #[test]
    fn every_cron_calls_a_route() {
        for (_, path) in CRONS {
            assert!(
                exodrive::routes::TABLE
                    .iter()
                    .any(|route| route.path == *path),
                "{path}"
            );
        }
    }

    #[test]
    fn cron_request_has_trimmed_secret() {
        let request = request("*/15 * * * *", Some(" 0123456789abcdef\n".to_owned())).unwrap();
        assert_eq!(request.uri().path(), "/api/admin/process-payment-captures");
        assert_eq!(
            request.headers()["authorization"],
            "Bearer 0123456789abcdef"
        );
    }

    #[test]
    fn missing_secret_or_unknown_schedule_runs_nothing() {
        assert!(request("*/15 * * * *", None).is_none());
        assert!(request("* * * * *", Some("0123456789abcdef".to_owned())).is_none());
    }
}
