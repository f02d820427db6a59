//! Why there is no delivery.

/// Why there is no delivery.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No event of the last 30 days has this id.
    #[error("there is no event {0:?}")]
    UnknownEvent(String),
    /// The key does not sign.
    #[error("hosts/local/certificates/webhook.key.pem cannot sign")]
    Unsigned,
    /// A header cannot be written as HTTP wants it.
    #[error("a delivery cannot be written: {0}")]
    Unwritable(#[from] http::Error),
}
