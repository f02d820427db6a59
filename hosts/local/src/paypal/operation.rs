//! The API's operations.

use serde_json::{Value, json};

/// An operation of Orders v2 or Payments v2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// `orders.create`
    CreateOrder,
    /// `orders.get`
    ShowOrder,
    /// `orders.authorize`
    AuthorizeOrder,
    /// `authorizations.get`
    ShowAuthorization,
    /// `authorizations.capture`
    Capture,
    /// `authorizations.void`
    Void,
    /// `authorizations.reauthorize`
    Reauthorize,
    /// `captures.get`
    ShowCapture,
    /// `captures.refund`
    Refund,
    /// `refunds.get`
    ShowRefund,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 10] = [
        Self::CreateOrder,
        Self::ShowOrder,
        Self::AuthorizeOrder,
        Self::ShowAuthorization,
        Self::Capture,
        Self::Void,
        Self::Reauthorize,
        Self::ShowCapture,
        Self::Refund,
        Self::ShowRefund,
    ];

    /// The `operationId` in PayPal's API description.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateOrder => "orders.create",
            Self::ShowOrder => "orders.get",
            Self::AuthorizeOrder => "orders.authorize",
            Self::ShowAuthorization => "authorizations.get",
            Self::Capture => "authorizations.capture",
            Self::Void => "authorizations.void",
            Self::Reauthorize => "authorizations.reauthorize",
            Self::ShowCapture => "captures.get",
            Self::Refund => "captures.refund",
            Self::ShowRefund => "refunds.get",
        }
    }

    /// The page of PayPal's reference that documents the operation's errors.
    const fn reference(self) -> &'static str {
        if self.is_on_orders() {
            "orders/v2"
        } else {
            "payments/v2"
        }
    }

    /// The link to the documentation of an error.
    pub(super) fn error_link(self, anchor: &str) -> Value {
        let reference = self.reference();
        let href = format!("https://developer.paypal.com/docs/api/{reference}/#error-{anchor}");
        json!({ "href": href, "rel": "information_link", "method": "GET" })
    }

    pub(super) const fn is_on_orders(self) -> bool {
        matches!(
            self,
            Self::CreateOrder | Self::ShowOrder | Self::AuthorizeOrder
        )
    }

    pub(super) const fn is_write(self) -> bool {
        !matches!(
            self,
            Self::ShowOrder | Self::ShowAuthorization | Self::ShowCapture | Self::ShowRefund
        )
    }
}
