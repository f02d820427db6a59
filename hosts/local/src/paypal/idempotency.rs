//! PayPal-Request-Id: the same id means the same request.
//!
//! A repeat gets the present state of what the first one made. An id is the merchant's, not a resource's: used for
//! another operation or on another resource, it is refused. A request that was refused does not use its id up.

use super::errors::{Findings, Refusal};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What may be asked with a request id.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    CreateOrder,
    AuthorizeOrder,
    Capture,
    Void,
    Reauthorize,
    Refund,
}

impl Action {
    const fn of_orders(self) -> bool {
        matches!(self, Self::CreateOrder | Self::AuthorizeOrder)
    }

    const fn kept_for(self) -> SignedDuration {
        if self.of_orders() {
            SignedDuration::from_hours(6)
        } else {
            SignedDuration::from_hours(45 * 24)
        }
    }
}

#[derive(Debug, Deserialize, Serialize)]
struct Used {
    action: Action,
    /// The resource acted upon; empty for a new order.
    subject: String,
    /// The id of what came of it.
    result: String,
    until: Timestamp,
}

/// The request ids in use, those of orders and those of payments apart.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct RequestIds {
    orders: BTreeMap<String, Used>,
    payments: BTreeMap<String, Used>,
}

impl RequestIds {
    pub(super) const fn new() -> Self {
        Self {
            orders: BTreeMap::new(),
            payments: BTreeMap::new(),
        }
    }

    /// The id of what an earlier request with this id made, if there was one.
    pub(super) fn earlier(
        &self,
        request_id: Option<&str>,
        action: Action,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<String>, Refusal> {
        let Some(request_id) = request_id else {
            return Ok(None);
        };
        let ids = if action.of_orders() {
            &self.orders
        } else {
            &self.payments
        };
        match ids.get(request_id).filter(|used| used.until > now) {
            None => Ok(None),
            Some(used) if used.action == action && used.subject == subject => {
                Ok(Some(used.result.clone()))
            }
            Some(_) => Err(Findings::semantic("DUPLICATE_REQUEST_ID").refusal()),
        }
    }

    /// Remembers what a request made.
    pub(super) fn remember(
        &mut self,
        request_id: Option<&str>,
        action: Action,
        subject: &str,
        result: &str,
        now: Timestamp,
    ) {
        let Some(request_id) = request_id else { return };
        let ids = if action.of_orders() {
            &mut self.orders
        } else {
            &mut self.payments
        };
        ids.retain(|_, used| used.until > now);
        let used = Used {
            action,
            subject: subject.to_owned(),
            result: result.to_owned(),
            until: now.checked_add(action.kept_for()).unwrap_or(Timestamp::MAX),
        };
        ids.insert(request_id.to_owned(), used);
    }
}
