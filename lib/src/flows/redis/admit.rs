//! The one round trip in which Redis counts a request and does its first step.

use crate::{
    app::App,
    clients::upstash::{AdmitReply, AdmitRequest, AdmitStep, LimitCounters, RedisError},
};

/// Redis gave no reply.
#[derive(Clone, Copy, Debug)]
pub(in crate::flows) struct AdmitError {
    /// Whether Redis may have done the step all the same.
    pub(in crate::flows) in_doubt: bool,
}

/// Asks Redis. There is no round trip when nobody is counted and there is no step.
pub(in crate::flows) async fn admit_in_redis(
    app: &App,
    request_id: &str,
    counters: Option<&LimitCounters>,
    step: AdmitStep<'_>,
) -> Result<AdmitReply, AdmitError> {
    let not_asked = AdmitError { in_doubt: false };
    if counters.is_none() && matches!(step, AdmitStep::Count) {
        return Err(not_asked);
    }
    let redis = app.redis().ok_or(not_asked)?;
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
