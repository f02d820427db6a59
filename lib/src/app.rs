//! The product on one instance: configuration, platform, upstream clients and their state.

use crate::{
    clients::{
        paypal::{CertificateCache, PayPal, TokenCache},
        supabase::Database,
        upstash::{RedisState, Upstash},
    },
    config::{Config, Redis},
    instance::{
        body_cache::BodyCache, callers::KnownCallers, local_limits::LocalLimits,
        pending_invalidations::PendingInvalidations, request_counts::RequestCounts,
        single_flight::SingleFlight,
    },
    platform::{Deadline, Platform},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// The product on one instance. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    config: Config,
    platform: Arc<dyn Platform>,
    redis_state: RedisState,
    single_flight: SingleFlight,
    body_cache: BodyCache,
    known_callers: KnownCallers,
    pending_invalidations: PendingInvalidations,
    request_counts: RequestCounts,
    paypal_tokens: TokenCache,
    paypal_certificates: CertificateCache,
    local_limits: LocalLimits,
}

impl App {
    /// A new instance with empty caches and counters.
    pub(crate) fn new(config: Config, platform: Arc<dyn Platform>) -> Self {
        Self(Arc::new(Inner {
            config,
            platform,
            redis_state: RedisState::default(),
            single_flight: SingleFlight::default(),
            body_cache: BodyCache::default(),
            known_callers: KnownCallers::default(),
            pending_invalidations: PendingInvalidations::default(),
            request_counts: RequestCounts::default(),
            paypal_tokens: TokenCache::default(),
            paypal_certificates: CertificateCache::default(),
            local_limits: LocalLimits::default(),
        }))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn platform(&self) -> &dyn Platform {
        self.0.platform.as_ref()
    }

    /// The database, for calls that end by `deadline`.
    pub(crate) fn database(&self, deadline: Deadline) -> Database<'_> {
        Database::new(self.platform(), &self.0.config.supabase, deadline)
    }

    /// PayPal, for calls that end by `deadline`.
    pub(crate) fn paypal(&self, deadline: Deadline) -> PayPal<'_> {
        PayPal::new(
            self.platform(),
            &self.0.config.paypal,
            &self.0.paypal_tokens,
            &self.0.paypal_certificates,
            deadline,
        )
    }

    /// Redis, unless the configuration switches it off.
    pub(crate) fn redis(&self) -> Option<Upstash<'_>> {
        match &self.0.config.redis {
            Redis::Upstash {
                url,
                token,
                timeout,
            } => Some(Upstash::new(
                self.platform(),
                &self.0.redis_state,
                url,
                token,
                *timeout,
            )),
            Redis::Disabled | Redis::Bypassed => None,
        }
    }

    pub(crate) fn local_limits(&self) -> &LocalLimits {
        &self.0.local_limits
    }

    pub(crate) fn known_callers(&self) -> &KnownCallers {
        &self.0.known_callers
    }

    pub(crate) fn request_counts(&self) -> &RequestCounts {
        &self.0.request_counts
    }

    pub(crate) fn single_flight(&self) -> &SingleFlight {
        &self.0.single_flight
    }

    pub(crate) fn body_cache(&self) -> &BodyCache {
        &self.0.body_cache
    }

    pub(crate) fn pending_invalidations(&self) -> &PendingInvalidations {
        &self.0.pending_invalidations
    }

    /// Runs `work` with a clone of this app after the response has left.
    pub(crate) fn after_response(&self, work: impl FnOnce(Self) -> BoxFuture<'static, ()>) {
        self.platform().after_response(work(self.clone()));
    }
}
