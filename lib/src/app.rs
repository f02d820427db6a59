//! What every route is given: the configuration, the platform, and what an instance remembers between requests.

use crate::{
    clients::{
        paypal::{CertificateCache, PayPal, TokenCache},
        supabase::Database,
        upstash::{Memory as RedisMemory, Upstash},
    },
    config::{Config, Redis},
    flows::{
        admission::LocalCounters,
        cache::{HeldBodies, Loads, Unheard},
        callers::KnownCallers,
        metrics::Recorder,
    },
    platform::{Deadline, Platform},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// The product on one instance. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Instance>);

struct Instance {
    config: Config,
    platform: Arc<dyn Platform>,
    redis_memory: RedisMemory,
    loads: Loads,
    held_bodies: HeldBodies,
    known_callers: KnownCallers,
    unheard: Unheard,
    recorder: Recorder,
    paypal_tokens: TokenCache,
    paypal_certificates: CertificateCache,
    local_counters: LocalCounters,
}

impl App {
    /// A product that has served nothing yet.
    #[must_use]
    pub fn new(config: Config, platform: Arc<dyn Platform>) -> Self {
        Self(Arc::new(Instance {
            config,
            platform,
            redis_memory: RedisMemory::default(),
            loads: Loads::default(),
            held_bodies: HeldBodies::default(),
            known_callers: KnownCallers::default(),
            unheard: Unheard::default(),
            recorder: Recorder::default(),
            paypal_tokens: TokenCache::default(),
            paypal_certificates: CertificateCache::default(),
            local_counters: LocalCounters::default(),
        }))
    }

    /// What the deployment decided.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The seam.
    #[must_use]
    pub fn platform(&self) -> &dyn Platform {
        self.0.platform.as_ref()
    }

    /// The database, for calls that end by `deadline`.
    #[must_use]
    pub fn database(&self, deadline: Deadline) -> Database<'_> {
        Database::new(self.platform(), &self.0.config.supabase, deadline)
    }

    /// PayPal, for calls that end by `deadline`.
    #[must_use]
    pub fn paypal(&self, deadline: Deadline) -> PayPal<'_> {
        PayPal::new(
            self.platform(),
            &self.0.config.paypal,
            &self.0.paypal_tokens,
            &self.0.paypal_certificates,
            deadline,
        )
    }

    /// Redis, unless it is switched off.
    #[must_use]
    pub fn redis(&self) -> Option<Upstash<'_>> {
        match &self.0.config.redis {
            Redis::Upstash { url, token } => Some(Upstash::new(
                self.platform(),
                &self.0.redis_memory,
                url,
                token,
            )),
            Redis::Disabled | Redis::Bypassed => None,
        }
    }

    /// The counters of this instance, for when Redis has none.
    #[must_use]
    pub fn local_counters(&self) -> &LocalCounters {
        &self.0.local_counters
    }

    /// Whose tokens this instance knows.
    #[must_use]
    pub fn known_callers(&self) -> &KnownCallers {
        &self.0.known_callers
    }

    /// What this instance counted and did not tell yet.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// What this instance loads, and loaded a moment ago.
    #[must_use]
    pub fn loads(&self) -> &Loads {
        &self.0.loads
    }

    /// The bodies that this instance has in hand.
    #[must_use]
    pub fn held_bodies(&self) -> &HeldBodies {
        &self.0.held_bodies
    }

    /// What Redis has not heard from this instance.
    #[must_use]
    pub fn unheard(&self) -> &Unheard {
        &self.0.unheard
    }

    /// Does `work` with a clone of this after the response has left.
    pub fn after_response(&self, work: impl FnOnce(Self) -> BoxFuture<'static, ()>) {
        self.platform().after_response(work(self.clone()));
    }
}
