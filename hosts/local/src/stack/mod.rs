//! The real servers below the product: PostgreSQL, Redis and PostgREST, each private to this start or given from outside.

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

/// A server that is ours to start and stop, or somebody else's.
enum Server<T> {
    Private(Mutex<T>),
    Foreign,
}

/// The servers; shared by the start, the stop and the control API.
pub(crate) struct Stack {
    postgres: Server<Postgres>,
    redis: Server<Redis>,
    postgrest: Mutex<Postgrest>,
    database_url: String,
    redis_url: String,
    api_database_url: String,
}

/// What a start is made of.
pub(crate) struct Wanted {
    /// Forget earlier data.
    pub(crate) fresh: bool,
    /// `DATABASE_URL`: an existing database.
    pub(crate) database: Option<String>,
    /// `REDIS_URL`: an existing Redis.
    pub(crate) redis: Option<String>,
}

/// A process that the control API may stop and start.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Name {
    Redis,
    Postgres,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Stop,
    Start,
}

impl Stack {
    /// Ends what an earlier start left running, finds programs, places and ports; starts nothing.
    pub(crate) async fn prepare(state: &Arc<StateDir>, wanted: Wanted) -> Result<Self, Error> {
        identity::end_leftovers(state).await?;
        let (postgres, database_url, api_database_url) = if let Some(url) = wanted.database {
            (Server::Foreign, url.clone(), url)
        } else {
            let postgres = Postgres::prepare(state, wanted.fresh).await?;
            let api_url = postgres.url_as("authenticator", &state.secret("authenticator")?);
            let url = postgres.url();
            (Server::Private(Mutex::new(postgres)), url, api_url)
        };
        let (redis, redis_url) = if let Some(url) = wanted.redis {
            (Server::Foreign, url)
        } else {
            let redis = Redis::prepare(state, wanted.fresh).await?;
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

    /// Starts the private servers, brings the database up to date, then starts PostgREST over it.
    pub(crate) async fn start(
        &self,
        root: &Path,
        state: &StateDir,
        jwt_secret: String,
    ) -> Result<(), Error> {
        let database = async {
            match &self.postgres {
                Server::Private(postgres) => postgres.lock().await.start().await,
                Server::Foreign => Ok(()),
            }
        };
        let cache = async {
            match &self.redis {
                Server::Private(redis) => redis.lock().await.start().await,
                Server::Foreign => Ok(()),
            }
        };
        tokio::try_join!(database, cache)?;
        let ownership = match &self.postgres {
            Server::Private(_) => migrations::Ownership::Private {
                authenticator_password: state.secret("authenticator")?,
            },
            Server::Foreign => migrations::Ownership::Foreign,
        };
        migrations::apply(root, &self.database_url, &ownership).await?;
        self.postgrest
            .lock()
            .await
            .start(self.api_database_url.clone(), jwt_secret)
            .await
    }

    /// Stops what [`Stack::start`] started, in the opposite order; goes on after a failure and reports the first one.
    pub(crate) async fn stop(&self) -> Result<(), Error> {
        let postgrest = self.postgrest.lock().await.stop().await;
        let redis = match &self.redis {
            Server::Private(redis) => redis.lock().await.stop().await,
            Server::Foreign => Ok(()),
        };
        let postgres = match &self.postgres {
            Server::Private(postgres) => postgres.lock().await.stop().await,
            Server::Foreign => Ok(()),
        };
        postgrest.and(redis).and(postgres)
    }

    /// Stops or starts one private server. `false`: it is not ours.
    pub(crate) async fn act(&self, name: Name, action: Action) -> Result<bool, Error> {
        match (name, &self.postgres, &self.redis) {
            (Name::Postgres, Server::Private(postgres), _) => {
                let mut postgres = postgres.lock().await;
                match action {
                    Action::Stop => postgres.stop().await?,
                    Action::Start => postgres.start().await?,
                }
            }
            (Name::Redis, _, Server::Private(redis)) => {
                let mut redis = redis.lock().await;
                match action {
                    Action::Stop => redis.stop().await?,
                    Action::Start => redis.start().await?,
                }
            }
            (Name::Postgres, Server::Foreign, _) | (Name::Redis, _, Server::Foreign) => {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The first server found to have ended although nobody stopped it.
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

    /// The database's owner's way in.
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
