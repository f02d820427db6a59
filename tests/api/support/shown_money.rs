//! The amounts that a booking shows to its customer and to operators.

use super::{
    checkout::{Hold, read_booking, text},
    client::Client,
    environment::variable,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The members of a payment that are sums, and the values that they must have.
pub(crate) struct Sums<'a> {
    pub(crate) authorized: &'a str,
    pub(crate) held: &'a str,
    pub(crate) captured: &'a str,
    pub(crate) refunded: &'a str,
    pub(crate) pending_refund: &'a str,
}

impl Default for Sums<'_> {
    fn default() -> Self {
        Self {
            authorized: "0.00",
            held: "0.00",
            captured: "0.00",
            refunded: "0.00",
            pending_refund: "0.00",
        }
    }
}

impl<'a> Sums<'a> {
    /// An authorization of `amount` that was released.
    pub(crate) fn released(amount: &'a str) -> Self {
        Self {
            authorized: amount,
            ..Self::default()
        }
    }

    /// An authorization of `amount` that holds money.
    pub(crate) fn held(amount: &'a str) -> Self {
        Self {
            held: amount,
            ..Self::released(amount)
        }
    }

    /// An authorization of `amount` that was captured.
    pub(crate) fn captured(amount: &'a str) -> Self {
        Self {
            captured: amount,
            ..Self::released(amount)
        }
    }
}

pub(crate) fn decimal(value: &Value) -> Decimal {
    text(value).parse().unwrap()
}

/// Reads the booking as its customer. Asserts that an operator's list shows the same, and that the
/// amounts add up.
pub(crate) async fn read_everywhere(client: &Client, hold: &Hold) -> Value {
    let booking = read_booking(client, hold).await;
    let reference = text(&booking["reference"]);
    let path = format!("/api/admin/bookings?search={reference}");
    let listed = client
        .with_new_address()
        .get_as(&variable("ADMIN_TOKEN"), &path)
        .await
        .expect(200);
    assert_eq!(listed["bookings"], json!([booking]));
    let payment = &booking["payment"];
    let amount = |name: &str| decimal(&payment[name]);
    assert_eq!(
        amount("authorizedAmount"),
        amount("heldAmount") + amount("releasedAmount") + amount("capturedAmount"),
        "{payment}"
    );
    assert_eq!(
        amount("capturedAmount"),
        amount("refundedAmount") + amount("keptAmount"),
        "{payment}"
    );
    booking
}

#[track_caller]
pub(crate) fn assert_sums(payment: &Value, sums: &Sums<'_>) {
    for (name, expected) in [
        ("authorizedAmount", sums.authorized),
        ("heldAmount", sums.held),
        ("capturedAmount", sums.captured),
        ("refundedAmount", sums.refunded),
        ("pendingRefundAmount", sums.pending_refund),
    ] {
        assert_eq!(payment[name], expected, "{name}: {payment}");
    }
}

/// Asserts that nothing of the payment will be captured.
#[track_caller]
pub(crate) fn assert_no_capture_planned(payment: &Value) {
    assert_eq!(payment["captureScheduledAt"], Value::Null, "{payment}");
    assert_eq!(payment["captureAmount"], Value::Null, "{payment}");
}
