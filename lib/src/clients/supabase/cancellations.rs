//! Cancellations of bookings.

use super::{Arguments, CarIdentity, Database, DatabaseError};
use crate::domain::money::Money;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `cancel_booking`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an argument of the database's function"
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct CancelRequest<'a> {
    pub(crate) booking_id: Uuid,
    /// For the audit log.
    pub(crate) actor: &'a str,
    /// An operator refunds the whole price, and may cancel after the first day.
    pub(crate) by_operator: bool,
    /// Cancels only while nothing is captured.
    pub(crate) void_only: bool,
    /// Cancels although the outcome of a capture is unknown. PayPal was asked before.
    pub(crate) despite_doubt: bool,
    /// Cancels no booking with captured money. PayPal is asked first what went back.
    pub(crate) look_first: bool,
    /// In the words of the customer or operator.
    pub(crate) reason: Option<&'a str>,
    /// For the audit log.
    pub(crate) request_id: &'a str,
}

/// The result of `cancel_booking`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum CancelResult {
    /// The booking is canceled, by this call or an earlier one.
    #[serde(alias = "already_cancelled")]
    Cancelled(Cancellation),
    /// Money was captured. Nothing is canceled yet.
    LookFirst {
        payment_ids: Vec<Uuid>,
    },
    Refused(CancelRefusal),
}

/// A canceled booking and its money.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cancellation {
    /// The part of the price that goes back. Bookings canceled in SQL may have none.
    pub(crate) percent: Option<u32>,
    #[serde(flatten)]
    pub(crate) refund: Money,
    pub(crate) refund_status: RefundStatus,
    /// The reason that a refund is refused: PayPal's issue, or a code of ours.
    pub(crate) failure_code: Option<String>,
    /// The calls that settle the money, in their order.
    pub(crate) settlements: Vec<Settlement>,
    /// Its days are free again.
    #[serde(flatten)]
    pub(crate) car: CarIdentity,
}

/// The state of the money that goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundStatus {
    /// Nothing was paid, or nothing goes back.
    None,
    /// The authorization is void, or only the part that is kept was captured.
    Voided,
    /// PayPal has not done it yet.
    Pending,
    Refunded,
    /// PayPal does not refund it. An operator has to give the money back in another way.
    Refused,
}

/// The call to PayPal that settles a cancellation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "settlement",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Settlement {
    Void {
        payment_id: Uuid,
        authorization_id: String,
    },
    /// Captures the part that is kept.
    Capture,
    Refund {
        refund_id: Uuid,
    },
}

/// The reason that a booking is not canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum CancelRefusal {
    BookingNotFound,
    /// It is completed, or a customer cancels after its first day has come.
    BookingNotCancellable,
    /// An operator cancels a completed one.
    BookingCompleted,
    /// A capture is under way, or its outcome is unknown.
    PaymentInProgress {
        payment_id: Uuid,
    },
    /// The money is captured, and the request was `void_only`.
    AlreadyCaptured,
}

impl Database<'_> {
    /// Cancels a booking, and records the money that it owes. Safe to repeat.
    pub(crate) async fn cancel_booking(
        &self,
        request: &CancelRequest<'_>,
    ) -> Result<CancelResult, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_booking_id", &request.booking_id),
            ("p_actor", &request.actor),
            ("p_reason", &request.reason),
            ("p_by_operator", &request.by_operator),
            ("p_void_only", &request.void_only),
            ("p_despite_doubt", &request.despite_doubt),
            ("p_look_first", &request.look_first),
            ("p_request_id", &request.request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("cancel_booking", arguments).await
    }
}

#[cfg(test)]
mod tests {
    use super::{super::outcome::decode_value, *};
    use serde_json::{Value, json};

    fn cancellation(outcome: &str, settlement: &str) -> Value {
        json!({
            "outcome": outcome, "bookingId": Uuid::nil(), "reference": "EXO-222222",
            "carId": Uuid::nil(), "carSlug": "porsche-911", "percent": null, "currency": "USD",
            "amount": "118.80", "refundStatus": "pending", "failureCode": null,
            "settlements": [{
                "settlement": settlement, "paymentId": Uuid::nil(), "authorizationId": "A",
                "refundId": Uuid::max(),
            }],
        })
    }

    #[test]
    fn settlements_carry_their_own_members() {
        let void = Settlement::Void {
            payment_id: Uuid::nil(),
            authorization_id: "A".into(),
        };
        let refund = Settlement::Refund {
            refund_id: Uuid::max(),
        };
        for (name, settlement) in [
            ("void", void),
            ("capture", Settlement::Capture),
            ("refund", refund),
        ] {
            for outcome in ["cancelled", "already_cancelled"] {
                let result = decode_value(cancellation(outcome, name)).unwrap();
                let CancelResult::Cancelled(cancellation) = result else {
                    panic!("{outcome} refused");
                };
                assert_eq!(cancellation.settlements, std::slice::from_ref(&settlement));
                assert_eq!(cancellation.refund.amount.to_string(), "118.80");
                assert_eq!(cancellation.car.slug, "porsche-911");
            }
        }
    }

    #[test]
    fn refusals_are_no_cancellations() {
        let refused = json!({ "outcome": "payment_in_progress", "paymentId": Uuid::max() });
        let CancelResult::Refused(refusal) = decode_value(refused).unwrap() else {
            panic!("cancelled");
        };
        let payment_id = Uuid::max();
        assert_eq!(refusal, CancelRefusal::PaymentInProgress { payment_id });
        for result in [
            cancellation("canceled", "void"),
            cancellation("cancelled", "x"),
        ] {
            assert!(decode_value::<CancelResult>(result).is_err());
        }
    }
}
