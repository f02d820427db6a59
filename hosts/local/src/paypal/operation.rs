//! The API's operations.

/// An operation of Orders v2 or Payments v2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    CreateOrder,
    ShowOrder,
    AuthorizeOrder,
    ShowAuthorization,
    Capture,
    Void,
    Reauthorize,
    ShowCapture,
    Refund,
    ShowRefund,
}

impl Operation {
    /// The `operationId` in PayPal's API description.
    pub(super) const fn name(self) -> &'static str {
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
    pub(super) const fn reference(self) -> &'static str {
        if self.is_on_orders() {
            "orders/v2"
        } else {
            "payments/v2"
        }
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
