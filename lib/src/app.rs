//! The product on one instance: configuration, platform, upstream clients and memories.

use crate::{
    clients::{
        paypal::{CertificateCache, PayPal, TokenCache},
        supabase::Database,
        upstash::{Memory as RedisMemory, Upstash},
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
pub(crate) struct App(Arc<Instance>);

struct Instance {
    config: Config,
    platform: Arc<dyn Platform>,
    redis_memory: RedisMemory,
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
    /// A new instance with empty memories.
    #[must_use]
    pub(crate) fn new(config: Config, platform: Arc<dyn Platform>) -> Self {
        Self(Arc::new(Instance {
            config,
            platform,
            redis_memory: RedisMemory::default(),
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

    #[must_use]
    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    #[must_use]
    pub(crate) fn platform(&self) -> &dyn Platform {
        self.0.platform.as_ref()
    }

    /// The database, for calls that end by `deadline`.
    #[must_use]
    pub(crate) fn database(&self, deadline: Deadline) -> Database<'_> {
        Database::new(self.platform(), &self.0.config.supabase, deadline)
    }

    /// PayPal, for calls that end by `deadline`.
    #[must_use]
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
    #[must_use]
    pub(crate) fn redis(&self) -> Option<Upstash<'_>> {
        match &self.0.config.redis {
            Redis::Upstash {
                url,
                token,
                timeout,
            } => Some(Upstash::new(
                self.platform(),
                &self.0.redis_memory,
                url,
                token,
                *timeout,
            )),
            Redis::Disabled | Redis::Bypassed => None,
        }
    }

    #[must_use]
    pub(crate) fn local_limits(&self) -> &LocalLimits {
        &self.0.local_limits
    }

    #[must_use]
    pub(crate) fn known_callers(&self) -> &KnownCallers {
        &self.0.known_callers
    }

    #[must_use]
    pub(crate) fn request_counts(&self) -> &RequestCounts {
        &self.0.request_counts
    }

    #[must_use]
    pub(crate) fn single_flight(&self) -> &SingleFlight {
        &self.0.single_flight
    }

    #[must_use]
    pub(crate) fn body_cache(&self) -> &BodyCache {
        &self.0.body_cache
    }

    #[must_use]
    pub(crate) fn pending_invalidations(&self) -> &PendingInvalidations {
        &self.0.pending_invalidations
    }

    /// Runs `work` with a clone of this app after the response has left.
    pub(crate) fn after_response(&self, work: impl FnOnce(Self) -> BoxFuture<'static, ()>) {
        self.platform().after_response(work(self.clone()));
    }
}
