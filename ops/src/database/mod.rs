//! A connection to PostgreSQL.

mod address;
mod trust;

pub use self::address::Address;

use crate::error::Error;
use tokio_postgres::Client;

impl Address {
    /// Connects. The connection lives as long as the client.
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
        // Its end comes with the client's; an error on the way is an error of the client's calls.
        tokio::spawn(connection);
        Ok(client)
    }
}
