//! One multiplexed connection to redis-server, made when it is first needed and again after it was lost.

use super::{catalogue, command::Command};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, RedisError, ServerError, Value,
    aio::MultiplexedConnection,
};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    sync::Mutex,
    task::JoinHandle,
    time::timeout,
};

/// Redis is on this machine: what has not connected by then will not.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);
/// Longer than any command of ours runs, shorter than a caller's patience.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What one command came to: its value, or the text of its error.
pub(super) type Outcome = Result<Value, String>;

pub(super) struct Connection {
    client: redis::Client,
    link: Mutex<Option<Link>>,
}

/// A connection and the task that drives it; the task ends as soon as the server hangs up.
struct Link {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(super) fn new(client: redis::Client) -> Self {
        Self {
            client,
            link: Mutex::new(None),
        }
    }

    /// Runs commands in order, others' may come between. Also says how many of them Redis saw.
    pub(super) async fn pipeline(
        &self,
        commands: Vec<Command>,
    ) -> Result<(Vec<Outcome>, usize), RedisError> {
        let refusals: Vec<Option<String>> = commands.iter().map(catalogue::refusal).collect();
        let accepted: Vec<&Command> = commands
            .iter()
            .zip(&refusals)
            .filter(|(_, refusal)| refusal.is_none())
            .map(|(command, _)| command)
            .collect();
        let sent = accepted.len();
        let mut replies = self
            .send(accepted.iter().map(|command| command.to_redis()))
            .await?
            .into_iter();
        let outcomes = commands
            .iter()
            .zip(refusals)
            .map(|(command, refusal)| match refusal {
                Some(refusal) => Err(refusal),
                None => outcome(command, replies.next().unwrap_or(Value::Nil)),
            })
            .collect();
        Ok((outcomes, sent))
    }

    /// Runs commands as one transaction; the inner error is the reason why none of them ran.
    pub(super) async fn transaction(
        &self,
        commands: Vec<Command>,
    ) -> Result<Result<Vec<Outcome>, String>, RedisError> {
        if let Some(refusal) = commands.iter().find_map(catalogue::refusal) {
            return Ok(Err(refusal));
        }
        // One write carries all of it, so no other caller's command can come between MULTI and EXEC.
        let words = std::iter::once(redis::cmd("MULTI"))
            .chain(commands.iter().map(Command::to_redis))
            .chain(std::iter::once(redis::cmd("EXEC")));
        let mut replies = self.send(words).await?;
        let executed = replies.pop();
        Ok(match executed {
            Some(Value::Array(values)) => Ok(commands
                .iter()
                .zip(values)
                .map(|(command, value)| outcome(command, value))
                .collect()),
            Some(Value::ServerError(error)) => {
                let mut queued = commands.iter().zip(replies.into_iter().skip(1));
                Err(queued
                    .find_map(|(command, reply)| outcome(command, reply).err())
                    .unwrap_or_else(|| text(&error)))
            }
            _ => Err("EXECABORT Transaction discarded".to_owned()),
        })
    }

    async fn send(
        &self,
        commands: impl Iterator<Item = redis::Cmd>,
    ) -> Result<Vec<Value>, RedisError> {
        let mut pipeline = redis::Pipeline::new();
        for command in commands {
            pipeline.add_command(command);
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.connected().await?;
        connection
            .send_packed_commands(&pipeline, 0, pipeline.len())
            .await
    }

    async fn connected(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut link = self.link.lock().await;
        if let Some(live) = link.as_ref().filter(|link| !link.driver.is_finished()) {
            return Ok(live.connection.clone());
        }
        let fresh = timeout(CONNECT_WITHIN, connect(&self.client))
            .await
            .map_err(|_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut)))??;
        let connection = fresh.connection.clone();
        *link = Some(fresh);
        Ok(connection)
    }
}

async fn connect(client: &redis::Client) -> Result<Link, RedisError> {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            link(client, stream).await
        }
        ConnectionAddr::Unix(path) => link(client, UnixStream::connect(path).await?).await,
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "Redis over TLS is not spoken here",
        )
        .into()),
    }
}

async fn link<S>(client: &redis::Client, stream: S) -> Result<Link, RedisError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_WITHIN));
    let settings = client.get_connection_info().redis_settings();
    let (connection, driver) =
        MultiplexedConnection::new_with_config(settings, stream, config).await?;
    Ok(Link {
        connection,
        driver: tokio::spawn(driver),
    })
}

fn outcome(command: &Command, value: Value) -> Outcome {
    match value {
        Value::ServerError(error) => {
            let text = text(&error);
            // Redis and the service have different words for the same thing.
            Err(if text.starts_with("ERR unknown command") {
                catalogue::unavailable(&command.name())
            } else {
                text
            })
        }
        value => Ok(value),
    }
}

pub(super) fn text(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}
