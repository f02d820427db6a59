//! The names of PayPal's operations in a behaviour.

use crate::paypal::operation::Operation;
use serde::{Deserialize, Serialize};

/// A request to PayPal.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Call {
    /// `oauth2.token`
    Token,
    /// `certs.get`, the certificate that signs webhooks.
    Certificate,
    /// `verify-webhook-signature.post`
    VerifyWebhook,
    /// An operation with its `operationId`.
    Api(Operation),
}

impl Call {
    pub(in crate::paypal) const fn operation(self) -> Option<Operation> {
        match self {
            Self::Token | Self::Certificate | Self::VerifyWebhook => None,
            Self::Api(operation) => Some(operation),
        }
    }
}

impl From<Operation> for Call {
    fn from(operation: Operation) -> Self {
        Self::Api(operation)
    }
}

impl From<Call> for &'static str {
    fn from(call: Call) -> Self {
        match call {
            Call::Token => "oauth2.token",
            Call::Certificate => "certs.get",
            Call::VerifyWebhook => "verify-webhook-signature.post",
            Call::Api(operation) => operation.name(),
        }
    }
}

impl TryFrom<String> for Call {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let others = [Self::Token, Self::Certificate, Self::VerifyWebhook];
        Operation::ALL
            .into_iter()
            .map(Self::Api)
            .chain(others)
            .find(|call| <&'static str>::from(*call) == name)
            .ok_or_else(|| format!("unknown operation {name:?}"))
    }
}
