//! The real servers below the product: PostgreSQL, Redis and PostgREST.
//!
//! PostgreSQL and Redis are private by default, or external by `DATABASE_URL` and `REDIS_URL`.

mod account;
mod identity;
mod postgres;
mod postgrest;
mod process;
mod programs;
mod redis;

use self::{postgres::Postgres, postgrest::Postgrest, redis::Redis};
use crate::{error::Error, migrations, state_dir::StateDir};
use serde::Deserialize;
use std::{path::Path, sync::Arc};
use tokio::sync::Mutex;

enum Server<T> {
    /// Started and stopped by this program.
    Private(Mutex<T>),
    External,
}

pub(crate) struct Stack {
    postgres: Server<Postgres>,
    redis: Server<Redis>,
    postgrest: Mutex<Postgrest>,
    database_url: String,
    redis_url: String,
    api_database_url: String,
}

pub(crate) struct StackOptions {
    /// Deletes earlier data.
    pub(crate) fresh: bool,
    /// `DATABASE_URL`, an external database.
    pub(crate) database: Option<String>,
    /// `REDIS_URL`, an external Redis.
    pub(crate) redis: Option<String>,
}

/// A server that the control API may stop and start.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServerName {
    Redis,
    Postgres,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Stop,
    Start,
}

impl Stack {
    /// Ends leftovers of an earlier start and finds programs, folders and ports. Starts nothing.
    pub(crate) async fn prepare(
        state: &Arc<StateDir>,
        options: StackOptions,
    ) -> Result<Self, Error> {
        identity::end_leftovers(state).await?;
        let (postgres, database_url, api_database_url) = if let Some(url) = options.database {
            (Server::External, url.clone(), url)
        } else {
            let postgres = Postgres::prepare(state, options.fresh).await?;
            let api_url = postgres.url_as("authenticator", &state.secret("authenticator")?);
            let url = postgres.url();
            (Server::Private(Mutex::new(postgres)), url, api_url)
        };
        let (redis, redis_url) = if let Some(url) = options.redis {
            (Server::External, url)
        } else {
            let redis = Redis::prepare(state, options.fresh).await?;
            let url = redis.url();
            (Server::Private(Mutex::new(redis)), url)
        };
        let postgrest = Mutex::new(Postgrest::prepare(state).await?);
        Ok(Self {
            postgres,
            redis,
            postgrest,
            database_url,
            redis_url,
            api_database_url,
        })
    }

    /// Starts the private servers, migrates the database, then starts PostgREST over it.
    pub(crate) async fn start(
        &self,
        root: &Path,
        state: &StateDir,
        jwt_secret: String,
    ) -> Result<(), Error> {
        let database = async {
            match &self.postgres {
                Server::Private(postgres) => postgres.lock().await.start().await,
                Server::External => Ok(()),
            }
        };
        let cache = async {
            match &self.redis {
                Server::Private(redis) => redis.lock().await.start().await,
                Server::External => Ok(()),
            }
        };
        tokio::try_join!(database, cache)?;
        let ownership = match &self.postgres {
            Server::Private(_) => migrations::Ownership::Private {
                authenticator_password: state.secret("authenticator")?,
            },
            Server::External => migrations::Ownership::External,
        };
        migrations::apply(root, &self.database_url, &ownership).await?;
        self.postgrest
            .lock()
            .await
            .start(self.api_database_url.clone(), jwt_secret)
            .await
    }

    /// Stops the private servers in the reverse order. Continues after a failure and returns the
    /// first one.
    pub(crate) async fn stop(&self) -> Result<(), Error> {
        let postgrest = self.postgrest.lock().await.stop().await;
        let redis = match &self.redis {
            Server::Private(redis) => redis.lock().await.stop().await,
            Server::External => Ok(()),
        };
        let postgres = match &self.postgres {
            Server::Private(postgres) => postgres.lock().await.stop().await,
            Server::External => Ok(()),
        };
        postgrest.and(redis).and(postgres)
    }

    /// Stops or starts one private server. `false` for an external one.
    pub(crate) async fn apply(&self, name: ServerName, action: Action) -> Result<bool, Error> {
        match (name, &self.postgres, &self.redis) {
            (ServerName::Postgres, Server::Private(postgres), _) => {
                let mut postgres = postgres.lock().await;
                match action {
                    Action::Stop => postgres.stop().await?,
                    Action::Start => postgres.start().await?,
                }
            }
            (ServerName::Redis, _, Server::Private(redis)) => {
                let mut redis = redis.lock().await;
                match action {
                    Action::Stop => redis.stop().await?,
                    Action::Start => redis.start().await?,
                }
            }
            (ServerName::Postgres, Server::External, _)
            | (ServerName::Redis, _, Server::External) => {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An error about the first server that ended without a call of [`Self::stop`] or
    /// [`Self::apply`].
    pub(crate) async fn unexpected_end(&self) -> Option<Error> {
        if let Some(error) = self
            .postgrest
            .lock()
            .await
            .process()
            .and_then(process::unexpected_end)
        {
            return Some(error);
        }
        if let Server::Private(redis) = &self.redis
            && let Some(error) = redis
                .lock()
                .await
                .process()
                .and_then(process::unexpected_end)
        {
            return Some(error);
        }
        if let Server::Private(postgres) = &self.postgres {
            return postgres
                .lock()
                .await
                .process()
                .and_then(process::unexpected_end);
        }
        None
    }

    /// Connects as the database's owner.
    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    pub(crate) fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// PostgREST's `host:port`.
    pub(crate) async fn postgrest_authority(&self) -> String {
        self.postgrest.lock().await.authority()
    }
}
