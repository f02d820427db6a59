//! Errors of deliveries.

/// A delivery that cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No event of the last 30 days has this id.
    #[error("there is no event {0:?}")]
    UnknownEvent(String),
    /// The private key is unusable.
    #[error("hosts/local/certificates/webhook.key.pem cannot sign")]
    Unsigned,
    /// The request is invalid, for example because of a header.
    #[error("cannot build a delivery: {0}")]
    Unwritable(#[from] http::Error),
}
