//! The names of PayPal's operations in a behaviour.

use crate::paypal::operation::Operation;
use serde::{Deserialize, Serialize};

/// A request to PayPal: for a token, or to the API.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Call {
    /// `oauth2.token`
    Token,
    /// An operation with its `operationId`.
    Api(Operation),
}

impl Call {
    pub(super) const fn operation(self) -> Option<Operation> {
        match self {
            Self::Token => None,
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
            Call::Api(operation) => operation.name(),
        }
    }
}

impl TryFrom<String> for Call {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name == "oauth2.token" {
            return Ok(Self::Token);
        }
        let found = Operation::ALL
            .into_iter()
            .find(|operation| operation.name() == name);
        found
            .map(Self::Api)
            .ok_or_else(|| format!("unknown operation {name:?}"))
    }
}
