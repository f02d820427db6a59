//! Cron Triggers. <https://developers.cloudflare.com/workers/configuration/cron-triggers/>
//!
//! A trigger only says which schedule fired. What it means is the route's business, so it becomes the request that
//! the cron of any other host would make.

use bytes::Bytes;
use http::{HeaderValue, Request, header};

/// Each schedule in `wrangler.toml`, and the path that it calls.
const CRONS: &[(&str, &str)] = &[
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
    use serde_json::Value;
    use std::collections::BTreeSet;
    use toml::Table;

    /// What a platform's configuration lists, in an order of its own.
    fn listed<T: Ord>(list: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut listed: Vec<T> = list.into_iter().collect();
        listed.sort();
        listed
    }

    #[test]
    fn the_crons_are_those_of_vercel() {
        let vercel: Value = serde_json::from_str(include_str!("../../../vercel.json")).unwrap();
        let crons = vercel["crons"].as_array().unwrap().iter().map(|cron| {
            let schedule = cron["schedule"].as_str().unwrap();
            (schedule, cron["path"].as_str().unwrap())
        });
        assert_eq!(listed(CRONS.iter().copied()), listed(crons));
    }

    #[test]
    fn every_schedule_is_triggered_and_means_one_path() {
        let wrangler: Table = include_str!("../wrangler.toml").parse().unwrap();
        let triggers = wrangler["triggers"]["crons"].as_array().unwrap();
        let schedules = triggers.iter().map(|cron| cron.as_str().unwrap());
        assert_eq!(
            listed(CRONS.iter().map(|(schedule, _)| *schedule)),
            listed(schedules)
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
