//! The one round trip in which Redis counts a request and takes a lease or looks up a response.

use crate::{
    app::App,
    clients::upstash::{AdmitReply, AdmitRequest, AdmitStep, LimitCounters, RedisError},
};

/// Redis gave no reply.
#[derive(Clone, Copy, Debug)]
pub(in crate::flows) struct AdmitError {
    /// Whether Redis may still have done the step.
    pub(in crate::flows) in_doubt: bool,
}

/// Counts the request and does `step`. Without counters and without a step there is no round trip.
pub(in crate::flows) async fn admit_in_redis(
    app: &App,
    request_id: &str,
    counters: Option<&LimitCounters>,
    step: AdmitStep<'_>,
) -> Result<AdmitReply, AdmitError> {
    let not_sent = AdmitError { in_doubt: false };
    if counters.is_none() && matches!(step, AdmitStep::Count) {
        return Err(not_sent);
    }
    let redis = app.redis().ok_or(not_sent)?;
    let request = AdmitRequest { counters, step };
    redis.admit(&request).await.map_err(|error| {
        if !matches!(error, RedisError::BreakerOpen) {
            log::warn!("request={request_id} redis: {error}");
        }
        AdmitError {
            in_doubt: !error.has_changed_nothing(),
        }
    })
}
