//! Authorizations: funds that PayPal holds for a booking, and their release.

use super::{CarIdentity, Database, DatabaseError};
use crate::domain::{money::Money, observation::Authorization};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// The result of `begin_authorization`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthorizationStart {
    /// PayPal has to authorize the order.
    Authorize(AuthorizationClaim),
    /// An earlier request authorized it.
    AlreadyAuthorized(ConfirmedBooking),
    Refused(AuthorizationRefusal),
}

/// A payment that this request may authorize.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizationClaim {
    pub(crate) payment_id: Uuid,
    pub(crate) booking_id: Uuid,
    #[serde(flatten)]
    pub(crate) price: Money,
    /// The `PayPal-Request-Id` of the authorization.
    pub(crate) request_id: String,
    /// An earlier attempt with this request id has no known outcome.
    pub(crate) resumed: bool,
    /// Its days are held for longer, or again.
    #[serde(flatten)]
    pub(crate) car: CarIdentity,
}

/// A booking whose funds are authorized.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfirmedBooking {
    pub(crate) booking_id: Uuid,
    pub(crate) authorization_id: String,
    pub(crate) capture_scheduled_at: Option<Timestamp>,
}

/// The reason that PayPal must not authorize an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthorizationRefusal {
    /// No payment of ours has this order.
    OrderNotFound,
    /// The hold expired, and another booking has the days.
    DatesUnavailable,
    /// The booking is canceled or completed, or its first day has passed.
    BookingNotPayable,
    /// Another request has the claim.
    PaymentInProgress,
}

/// The result of `record_authorization`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum AuthorizationRecord {
    /// The booking is confirmed, by this call or an earlier one.
    #[serde(alias = "replayed")]
    Confirmed {
        capture_scheduled_at: Option<Timestamp>,
    },
    /// Nothing is confirmed, and the authorization must be voided.
    Refused(VoidReason),
}

/// The reason that an authorization must be voided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VoidReason {
    /// Its amount or currency is not the booking's.
    PaymentMismatch,
    /// Another booking has the days.
    DatesUnavailable,
    /// The booking was canceled in the meantime.
    BookingNotPayable,
}

impl VoidReason {
    /// The name in the database.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PaymentMismatch => "payment_mismatch",
            Self::DatesUnavailable => "dates_unavailable",
            Self::BookingNotPayable => "booking_not_payable",
        }
    }
}

impl Database<'_> {
    /// Claims the payment of an order, to authorize it.
    pub(crate) async fn begin_authorization(
        &self,
        order_id: &str,
    ) -> Result<AuthorizationStart, DatabaseError> {
        let arguments = serde_json::json!({ "p_order_id": order_id, "p_now": self.platform.now() });
        self.call_outcome("begin_authorization", &arguments).await
    }

    /// Records an authorization. Confirms the booking if the authorization is for its price.
    pub(crate) async fn record_authorization(
        &self,
        payment: Uuid,
        request_id: &str,
        authorization: &Authorization,
    ) -> Result<AuthorizationRecord, DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_request_id": request_id,
            "p_authorization_id": authorization.id,
            "p_amount": authorization.money.amount,
            "p_currency": authorization.money.currency,
            "p_expires_at": authorization.expires_at,
            "p_now": self.platform.now(),
        });
        self.call_outcome("record_authorization", &arguments).await
    }

    /// Records that PayPal refused (`is_final`) or gave no response, and releases the claim.
    pub(crate) async fn record_payment_failure(
        &self,
        payment: Uuid,
        request_id: &str,
        code: &str,
        is_final: bool,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_request_id": request_id,
            "p_error_code": code,
            "p_final": is_final,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_payment_failure", &arguments)
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::outcome::decode_value, *};
    use serde_json::{Value, json};

    #[test]
    fn outcomes_carry_their_own_members() {
        let claim = json!({
            "outcome": "authorize", "paymentId": Uuid::nil(), "bookingId": Uuid::nil(),
            "reference": "EXO-222222", "amount": "237.60", "currency": "USD",
            "requestId": "P:authorize:1", "resumed": false, "authorizationId": null,
            "captureScheduledAt": null, "carId": Uuid::nil(), "carSlug": "porsche-911",
        });
        let AuthorizationStart::Authorize(claim) = decode_value(claim).unwrap() else {
            panic!("not claimed");
        };
        assert_eq!(claim.price.amount.to_string(), "237.60");
        assert_eq!(claim.car.slug, "porsche-911");

        let confirmed = json!({
            "outcome": "already_authorized", "bookingId": Uuid::nil(), "requestId": null,
            "authorizationId": "A", "captureScheduledAt": "2030-01-19T10:00:00Z",
        });
        let AuthorizationStart::AlreadyAuthorized(booking) = decode_value(confirmed).unwrap()
        else {
            panic!("not confirmed");
        };
        assert_eq!(booking.authorization_id, "A");
        assert!(booking.capture_scheduled_at.is_some());

        let refused = json!({ "outcome": "payment_in_progress" });
        assert!(matches!(
            decode_value(refused).unwrap(),
            AuthorizationStart::Refused(AuthorizationRefusal::PaymentInProgress)
        ));
    }

    #[test]
    fn replays_confirm_and_mismatches_void() {
        let record = |outcome| {
            decode_value(json!({ "outcome": outcome, "captureScheduledAt": null })).unwrap()
        };
        for outcome in ["confirmed", "replayed"] {
            assert!(matches!(
                record(outcome),
                AuthorizationRecord::Confirmed { .. }
            ));
        }
        for reason in [
            VoidReason::PaymentMismatch,
            VoidReason::DatesUnavailable,
            VoidReason::BookingNotPayable,
        ] {
            let AuthorizationRecord::Refused(refused) = record(reason.name()) else {
                panic!("{reason:?} confirmed");
            };
            assert_eq!(refused, reason);
        }
    }

    #[test]
    fn broken_results_are_errors() {
        let results: [Value; 3] = [
            json!({ "outcome": "authorized" }),
            json!({ "outcome": "authorize", "paymentId": Uuid::nil() }),
            json!({}),
        ];
        for result in results {
            assert!(decode_value::<AuthorizationStart>(result).is_err());
        }
    }
}
