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
mod server_process;

use self::{postgres::Postgres, postgrest::Postgrest, redis::Redis, server_process::ServerProcess};
use crate::{error::Error, migrations, state_dir::StateDir};
use serde::Deserialize;
use std::{path::Path, sync::Arc};
use tokio::sync::Mutex;

/// A server with its own data, started and stopped by this program.
trait PrivateServer {
    /// Starts the server and waits until it answers. Does nothing if it runs.
    async fn start(&mut self) -> Result<(), Error>;

    fn process(&mut self) -> &mut ServerProcess;
}

enum Server<T> {
    Private(Mutex<T>),
    /// This program neither starts nor stops it.
    External,
}

impl<T: PrivateServer> Server<T> {
    async fn start(&self) -> Result<(), Error> {
        match self {
            Self::Private(server) => server.lock().await.start().await,
            Self::External => Ok(()),
        }
    }

    async fn stop(&self) -> Result<(), Error> {
        match self {
            Self::Private(server) => server.lock().await.process().stop().await,
            Self::External => Ok(()),
        }
    }

    async fn unexpected_end(&self) -> Option<Error> {
        match self {
            Self::Private(server) => server.lock().await.process().unexpected_end(),
            Self::External => None,
        }
    }

    /// `false` for an external server.
    async fn apply(&self, action: Action) -> Result<bool, Error> {
        match action {
            Action::Stop => self.stop().await?,
            Action::Start => self.start().await?,
        }
        Ok(matches!(self, Self::Private(_)))
    }
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
        tokio::try_join!(self.postgres.start(), self.redis.start())?;
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
        let postgrest = self.postgrest.lock().await.process().stop().await;
        let redis = self.redis.stop().await;
        let postgres = self.postgres.stop().await;
        postgrest.and(redis).and(postgres)
    }

    /// Stops or starts one private server. `false` for an external one.
    pub(crate) async fn apply(&self, name: ServerName, action: Action) -> Result<bool, Error> {
        match name {
            ServerName::Postgres => self.postgres.apply(action).await,
            ServerName::Redis => self.redis.apply(action).await,
        }
    }

    /// An error about the first server that ended without a call of [`Self::stop`] or
    /// [`Self::apply`].
    pub(crate) async fn unexpected_end(&self) -> Option<Error> {
        let postgrest = self.postgrest.lock().await.process().unexpected_end();
        if postgrest.is_some() {
            return postgrest;
        }
        let redis = self.redis.unexpected_end().await;
        if redis.is_some() {
            return redis;
        }
        self.postgres.unexpected_end().await
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
