//! Authorizations: funds that PayPal holds for a booking, and their release.

use super::{Arguments, CarIdentity, Database, DatabaseError};
use crate::domain::{
    booking_state::BookingState,
    money::Money,
    observation::{Authorization, AuthorizationStatus},
};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// The state of an order that PayPal has just shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderSight {
    /// The payer has approved it.
    Approved,
    /// It has an authorization.
    Authorized,
}

impl OrderSight {
    /// The name in the database.
    #[must_use]
    fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Authorized => "authorized",
        }
    }
}

/// The result of `begin_authorization`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthorizationStart {
    /// PayPal has to authorize the order.
    Authorize(AuthorizationClaim),
    /// Nothing may be authorized, but an earlier attempt has no known outcome.
    Look(DoubtfulAttempt),
    /// Only an approved order can still hold the days. PayPal knows whether this one is.
    ApprovalUnknown,
    /// An earlier request authorized it.
    AlreadyAuthorized(ConfirmedBooking),
    /// PayPal reviews the authorization.
    Pending(ReviewedAuthorization),
    Refused(AuthorizationRefusal),
}

/// A payment that this request may authorize.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizationClaim {
    pub(crate) payment_id: Uuid,
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

/// An earlier attempt to authorize a payment. Its outcome is unknown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DoubtfulAttempt {
    #[serde(flatten)]
    pub(crate) claim: AuthorizationClaim,
    /// The order of the attempt, which may be another one of the same payment.
    pub(crate) order_id: String,
    pub(crate) started_at: Timestamp,
    /// The reason that the order of this request must not be authorized.
    pub(crate) refusal: AuthorizationRefusal,
}

/// A booking whose funds are authorized.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfirmedBooking {
    pub(crate) booking_id: Uuid,
    #[serde(rename = "bookingStatus")]
    pub(crate) status: BookingState,
    pub(crate) authorization_id: String,
    pub(crate) capture_scheduled_at: Option<Timestamp>,
}

/// A booking whose authorization PayPal reviews.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PendingBooking {
    pub(crate) booking_id: Uuid,
    #[serde(rename = "bookingStatus")]
    pub(crate) status: BookingState,
    pub(crate) authorization_id: String,
    pub(crate) hold_expires_at: Option<Timestamp>,
}

/// An authorization that PayPal reviews, and the claim under which it was made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewedAuthorization {
    pub(crate) payment_id: Uuid,
    #[serde(flatten)]
    pub(crate) price: Money,
    /// `None` if the authorization was not made by this product.
    pub(crate) request_id: Option<String>,
    #[serde(flatten)]
    pub(crate) car: CarIdentity,
    #[serde(flatten)]
    pub(crate) booking: PendingBooking,
}

/// The reason that PayPal must not authorize an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthorizationRefusal {
    /// No payment of ours has this order.
    OrderNotFound,
    /// The order, or its payment, cannot be used any more.
    OrderEnded,
    /// The hold expired, and another booking has the days.
    DatesUnavailable,
    /// The hold expired. Its days are free, and only an approved order can revive it.
    HoldExpired,
    /// The booking is canceled, or its first day has passed.
    BookingNotPayable,
    /// Another payment of the booking holds or keeps money.
    AlreadyPaid,
    /// Another request has the claim, or PayPal reviews another payment of the booking.
    PaymentInProgress,
}

/// The result of `record_authorization`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthorizationRecord {
    /// The booking is confirmed, by this call or an earlier one.
    #[serde(alias = "replayed")]
    Confirmed(ConfirmedBooking),
    /// Nothing is confirmed while PayPal reviews the authorization.
    Pending(PendingBooking),
    /// The review failed. Nothing is authorized.
    Denied,
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
    /// Another authorization pays for the booking.
    AlreadyPaid,
}

impl VoidReason {
    /// The name in the database.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PaymentMismatch => "payment_mismatch",
            Self::DatesUnavailable => "dates_unavailable",
            Self::BookingNotPayable => "booking_not_payable",
            Self::AlreadyPaid => "already_paid",
        }
    }
}

impl Database<'_> {
    /// Claims the payment of an order, to authorize it. `sight` is what PayPal has just shown.
    pub(crate) async fn begin_authorization(
        &self,
        order_id: &str,
        sight: Option<OrderSight>,
    ) -> Result<AuthorizationStart, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_order_id", &order_id),
            ("p_seen", &sight.map(OrderSight::name)),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("begin_authorization", arguments).await
    }

    /// Records an authorization. Confirms the booking if the authorization is for its price.
    pub(crate) async fn record_authorization(
        &self,
        payment: Uuid,
        request_id: &str,
        authorization: &Authorization,
    ) -> Result<AuthorizationRecord, DatabaseError> {
        let status = match authorization.status {
            AuthorizationStatus::Created
            | AuthorizationStatus::Captured
            | AuthorizationStatus::PartiallyCaptured => "authorized",
            AuthorizationStatus::Denied => "denied",
            AuthorizationStatus::Pending
            | AuthorizationStatus::Voided
            | AuthorizationStatus::Expired
            | AuthorizationStatus::Unknown => "authorization_pending",
        };
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_request_id", &request_id),
            ("p_authorization_id", &authorization.id),
            ("p_amount", &authorization.money.amount),
            ("p_currency", &authorization.money.currency),
            ("p_expires_at", &authorization.expires_at),
            ("p_status", &status),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("record_authorization", arguments).await
    }

    /// Records that a call failed. `kind` is that of
    /// [`Meaning::failure_kind`](crate::domain::paypal_meaning::Meaning::failure_kind).
    pub(crate) async fn record_payment_failure(
        &self,
        payment: Uuid,
        request_id: &str,
        code: &str,
        kind: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_request_id", &request_id),
            ("p_error_code", &code),
            ("p_kind", &kind),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_payment_failure", arguments)
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::outcome::decode_value, *};
    use serde_json::{Value, json};

    fn row(outcome: &str, more: &Value) -> Value {
        let mut row = json!({
            "outcome": outcome, "paymentId": Uuid::nil(), "bookingId": Uuid::nil(),
            "reference": "EXO-222222", "bookingStatus": "pending_payment", "amount": "237.60",
            "currency": "USD", "requestId": "P:authorize:1", "resumed": false,
            "authorizationId": null, "captureScheduledAt": null, "holdExpiresAt": null,
            "carId": Uuid::nil(), "carSlug": "porsche-911",
        });
        let more = more.as_object().unwrap().clone();
        row.as_object_mut().unwrap().extend(more);
        row
    }

    #[test]
    fn outcomes_carry_their_own_members() {
        let AuthorizationStart::Authorize(claim) =
            decode_value(row("authorize", &json!({}))).unwrap()
        else {
            panic!("not claimed");
        };
        assert_eq!(claim.price.amount.to_string(), "237.60");
        assert_eq!(claim.car.slug, "porsche-911");

        let doubt = json!({
            "orderId": "O", "startedAt": "2030-01-10T12:00:00Z", "refusal": "hold_expired",
        });
        let AuthorizationStart::Look(attempt) = decode_value(row("look", &doubt)).unwrap() else {
            panic!("no attempt");
        };
        assert_eq!(attempt.refusal, AuthorizationRefusal::HoldExpired);
        assert_eq!(attempt.claim.request_id, "P:authorize:1");

        let confirmed = json!({
            "bookingStatus": "upcoming", "authorizationId": "A",
            "captureScheduledAt": "2030-01-19T10:00:00Z",
        });
        let AuthorizationStart::AlreadyAuthorized(booking) =
            decode_value(row("already_authorized", &confirmed)).unwrap()
        else {
            panic!("not confirmed");
        };
        assert_eq!(booking.authorization_id, "A");
        assert!(booking.capture_scheduled_at.is_some());

        let pending = json!({
            "authorizationId": "A", "holdExpiresAt": "2030-01-13T12:00:00Z", "requestId": null,
        });
        let AuthorizationStart::Pending(review) = decode_value(row("pending", &pending)).unwrap()
        else {
            panic!("not pending");
        };
        assert_eq!(review.booking.status, BookingState::PendingPayment);
        assert!(review.booking.hold_expires_at.is_some());
        assert_eq!(review.request_id, None);

        assert!(matches!(
            decode_value(json!({ "outcome": "approval_unknown" })).unwrap(),
            AuthorizationStart::ApprovalUnknown
        ));
        let refused = json!({ "outcome": "payment_in_progress" });
        assert!(matches!(
            decode_value(refused).unwrap(),
            AuthorizationStart::Refused(AuthorizationRefusal::PaymentInProgress)
        ));
    }

    #[test]
    fn replays_confirm_and_mismatches_void() {
        let record = |outcome| {
            let more = json!({ "bookingStatus": "upcoming", "authorizationId": "A" });
            decode_value(row(outcome, &more)).unwrap()
        };
        for outcome in ["confirmed", "replayed"] {
            assert!(matches!(record(outcome), AuthorizationRecord::Confirmed(_)));
        }
        assert!(matches!(record("pending"), AuthorizationRecord::Pending(_)));
        assert!(matches!(record("denied"), AuthorizationRecord::Denied));
        for reason in [
            VoidReason::PaymentMismatch,
            VoidReason::DatesUnavailable,
            VoidReason::BookingNotPayable,
            VoidReason::AlreadyPaid,
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
