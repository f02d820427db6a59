//! One multiplexed connection to redis-server, opened on demand and reopened after a loss.

use super::{command::Command, refused_commands};
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

/// Redis runs on this machine, so a connection opens at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Longer than any command of the product runs.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// A command's reply, or the text of its error.
pub(super) type Outcome = Result<Value, String>;

pub(super) struct Connection {
    client: redis::Client,
    link: Mutex<Option<Link>>,
}

/// A connection and the task that drives it. The task ends when the server hangs up.
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

    /// Runs commands in order. Commands of other clients may run in between. Returns the outcomes
    /// and the number of commands that were sent to Redis.
    pub(super) async fn pipeline(
        &self,
        commands: Vec<Command>,
    ) -> Result<(Vec<Outcome>, usize), RedisError> {
        let refusals: Vec<Option<String>> =
            commands.iter().map(refused_commands::refusal).collect();
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

    /// Runs commands as one transaction. The inner error is the reason why none of them ran.
    pub(super) async fn transaction(
        &self,
        commands: Vec<Command>,
    ) -> Result<Result<Vec<Outcome>, String>, RedisError> {
        if let Some(refusal) = commands.iter().find_map(refused_commands::refusal) {
            return Ok(Err(refusal));
        }
        // One write carries everything, so no other command runs between MULTI and EXEC.
        let all = std::iter::once(redis::cmd("MULTI"))
            .chain(commands.iter().map(Command::to_redis))
            .chain(std::iter::once(redis::cmd("EXEC")));
        let mut replies = self.send(all).await?;
        let exec_reply = replies.pop();
        Ok(match exec_reply {
            Some(Value::Array(values)) => Ok(commands
                .iter()
                .zip(values)
                .map(|(command, value)| outcome(command, value))
                .collect()),
            Some(Value::ServerError(error)) => {
                let mut queue_replies = commands.iter().zip(replies.into_iter().skip(1));
                Err(queue_replies
                    .find_map(|(command, reply)| outcome(command, reply).err())
                    .unwrap_or_else(|| error_text(&error)))
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
        let mut connection = self.connect().await?;
        connection
            .send_packed_commands(&pipeline, 0, pipeline.len())
            .await
    }

    /// The open connection, or a new one.
    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut link = self.link.lock().await;
        if let Some(live) = link.as_ref().filter(|link| !link.driver.is_finished()) {
            return Ok(live.connection.clone());
        }
        let new = timeout(CONNECT_TIMEOUT, open(&self.client))
            .await
            .map_err(|_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut)))??;
        let connection = new.connection.clone();
        *link = Some(new);
        Ok(connection)
    }
}

async fn open(client: &redis::Client) -> Result<Link, RedisError> {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            link(client, stream).await
        }
        ConnectionAddr::Unix(path) => link(client, UnixStream::connect(path).await?).await,
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "Redis over TLS is not supported",
        )
        .into()),
    }
}

async fn link<S>(client: &redis::Client, stream: S) -> Result<Link, RedisError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(REPLY_TIMEOUT));
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
            let text = error_text(&error);
            // Upstash has its own text for this error.
            Err(if text.starts_with("ERR unknown command") {
                refused_commands::unavailable_error(&command.name())
            } else {
                text
            })
        }
        value => Ok(value),
    }
}

pub(super) fn error_text(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}
