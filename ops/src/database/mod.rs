//! A connection to PostgreSQL.

mod address;
mod trust;

pub use self::address::Address;

use crate::error::Error;
use tokio_postgres::Client;

impl Address {
    /// Connects. The connection ends when the client is dropped.
    pub async fn connect(&self) -> Result<Client, Error> {
        let tls = self.trust.connector()?;
        let (client, connection) =
            self.config
                .connect(tls)
                .await
                .map_err(|source| Error::DatabaseUnreachable {
                    host: self.host(),
                    advice: self.trust.advice(&source),
                    source,
                })?;
        // The client's calls report the connection's errors.
        tokio::spawn(connection);
        Ok(client)
    }
}
