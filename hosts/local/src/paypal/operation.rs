//! The API's operations.

/// The API's operations.
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
    /// The description's `operationId`.
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

    /// Where its errors are documented.
    pub(super) const fn reference(self) -> &'static str {
        if self.of_orders() {
            "orders/v2"
        } else {
            "payments/v2"
        }
    }

    pub(super) const fn of_orders(self) -> bool {
        matches!(
            self,
            Self::CreateOrder | Self::ShowOrder | Self::AuthorizeOrder
        )
    }

    /// Whether it may change anything.
    pub(super) const fn writes(self) -> bool {
        !matches!(
            self,
            Self::ShowOrder | Self::ShowAuthorization | Self::ShowCapture | Self::ShowRefund
        )
    }
}
