//! Connects the product to this machine's platform.

use crate::{error::Error, product::Handler};
use exodrive::{
    Service,
    config::{Config, Defaults},
};
use exodrive_native::{Clock, NativePlatform};
use futures_util::{FutureExt as _, future::BoxFuture};
use http::HeaderName;
use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

/// Longer than the limit of work after a response.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Work that continues after its response.
#[derive(Clone, Default)]
pub(crate) struct Background(Arc<Mutex<JoinSet<()>>>);

impl Background {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Waits for unfinished work. Aborting it could leave stale cache entries.
    pub(crate) async fn finish(&self) {
        let tasks = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        timeout(FINISH_TIMEOUT, tasks.join_all()).await.ok();
    }
}

pub(crate) fn product(
    variables: &BTreeMap<&'static str, String>,
    clock: Clock,
    background: &Background,
) -> Result<Service, Error> {
    let defaults = Defaults {
        trusted_ip_header: Some(HeaderName::from_static("x-forwarded-for")),
        public_base_url: None,
    };
    let config = Config::read(|name| variables.get(name).cloned(), defaults).map_err(|error| {
        Error::Variable {
            variable: error.variable,
            problem: error.problem.to_owned(),
        }
    })?;
    let background = background.clone();
    let platform = NativePlatform::with_spawn(clock, Arc::new(move |work| background.spawn(work)));
    Ok(Service::new(Ok(config), Arc::new(platform)))
}

pub(crate) fn handler(service: Service) -> Handler {
    Arc::new(move |request, peer| {
        let service = service.clone();
        async move { service.handle(request, peer).await }.boxed()
    })
}
