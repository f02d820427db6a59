//! The kinds of findings, and what an operator does about each.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal: $advice:literal,)*) => {
        /// A kind of contradiction between money and booking.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum FindingKind {
            $($(#[$doc])* $name,)*
        }

        impl FindingKind {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in the database.
            #[must_use]
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// The advice to an operator.
            #[must_use]
            pub(crate) fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }
    };
}

kinds! {
    /// PayPal captured more than once, and keeps more than is owed.
    CapturedTwice = "captured_twice":
        "Refund the excess in PayPal's dashboard, from the later capture.",
    /// PayPal keeps more or less than is owed.
    AmountMismatch = "amount_mismatch":
        "Compare the captures with the booking's price. Refund what is too much (POST /api/admin/bookings/{id}/refund), or ask the customer for the rest and acknowledge this.",
    /// Money is authorized or captured for a booking that is not confirmed.
    PaidButUnbooked = "paid_but_unbooked":
        "Void or refund (POST /api/admin/bookings/{id}/void), or make a booking for other days with the customer.",
    /// PayPal still holds an authorization that must be voided.
    CancelledNotVoided = "cancelled_not_voided":
        "The crons void it. If it stays for an hour, void it in PayPal's dashboard.",
    /// The authorization expires within a day, and the money is not captured.
    Lapsing = "lapsing": "Capture it: POST /api/admin/bookings/{id}/capture.",
    /// The booking is confirmed, and its payment has ended without money.
    UnpaidBooking = "unpaid_booking":
        "Ask the customer to pay again on the booking's page, or cancel it (POST /api/admin/bookings/{id}/void). If it is paid in another way, acknowledge this.",
    /// Two payments of one booking keep money.
    PaidTwice = "paid_twice":
        "The crons refund the older payment. If it stays for a day, refund it in PayPal's dashboard.",
    /// The booking stands, and its money went back at PayPal, not by a refund of ours.
    MoneyReturned = "money_returned":
        "Look into PayPal's dashboard for the reason. Ask the customer to pay again, or cancel the booking (POST /api/admin/bookings/{id}/void). If you agreed to it, acknowledge this.",
    /// PayPal is reviewing the authorization.
    AuthorizationPending = "authorization_pending":
        "Wait for PayPal, or decide it in PayPal's dashboard. Nothing can be captured before.",
    /// A capture has been failing for hours, without a decision of PayPal.
    CaptureDelayed = "capture_delayed":
        "Look up the code and the payment in PayPal's dashboard. The crons try each hour. Capture it in the dashboard if the pick-up is near.",
    /// The order is completed for a day, and PayPal shows no authorization.
    OrderUnclear = "order_unclear":
        "Look for the order in PayPal's dashboard. If it holds money, void it there, or contact PayPal's support. Then acknowledge this. The customer can book and pay again.",
    /// PayPal is reviewing the capture.
    CapturePending = "capture_pending":
        "Wait for PayPal, or accept the payment in PayPal's dashboard if the reason asks for it.",
    /// PayPal declined the capture, and took nothing else.
    CaptureDeclined = "capture_declined":
        "Capture again (POST /api/admin/bookings/{id}/capture) while the authorization lives, or ask the customer to pay again on the booking's page.",
    /// PayPal refused a refund, or it failed.
    RefundRefused = "refund_refused":
        "Fund the PayPal account or refund in another way, then order the refund again (POST /api/admin/bookings/{id}/refund) or acknowledge this.",
    /// PayPal has not completed a refund for days.
    RefundPending = "refund_pending":
        "Look into PayPal's dashboard: the payer's bank or the PayPal account's balance may be the cause.",
    /// PayPal has not made a refund that we ordered hours ago, or refuses it because of a dispute.
    RefundDelayed = "refund_delayed":
        "Look up the code. A refund of a disputed payment (TRANSACTION_DISPUTED) waits until PayPal resolves the dispute, so answer the dispute. Otherwise the crons try on. After a day, refund in PayPal's dashboard.",
    /// PayPal shows less refunded than we recorded.
    RefundMissing = "refund_missing":
        "Look for the refund in PayPal's dashboard. If it is not there, refund there, and acknowledge this.",
    /// PayPal refunds for 180 days after the capture, and the pick-up is later.
    RefundWindowEnds = "refund_window_ends":
        "Ask the customer whether the booking stands. After this day PayPal refunds nothing, and a cancellation must be paid back in another way.",
    /// The payer opened a dispute.
    Disputed = "disputed": "Answer the dispute in PayPal's Resolution Center.",
    /// PayPal refuses our credentials, permissions, account or request.
    PaypalRefusesUs = "paypal_refuses_us":
        "Look up the issue: check PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET and PAYPAL_MODE, the app's permissions and the PayPal account. Nothing is lost: the next run tries again.",
    /// The payment could not be compared with PayPal for a day.
    NotComparable = "not_comparable":
        "Look for the payment in PayPal's dashboard. exo reconcile compares at once.",
}
