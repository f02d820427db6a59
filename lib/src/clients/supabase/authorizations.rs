//! Money that PayPal holds for a booking, and giving it back.

use super::{Database, DatabaseError, TouchedCar};
use crate::domain::{
    money::{Amount, Currency},
    observation::SeenAuthorization,
};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// What `begin_authorization` decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizeOutcome {
    /// Ask PayPal, with the request id given.
    Authorize,
    /// It is done; answer as before.
    AlreadyAuthorized,
    /// No payment of ours has this order.
    OrderNotFound,
    /// The hold lapsed and the days went to somebody else: nothing may be charged.
    DatesUnavailable,
    /// The booking is over.
    BookingNotPayable,
    /// Another request is at it.
    PaymentInProgress,
}

/// The answer of `begin_authorization`. What follows `outcome` is there for the first two.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationStart {
    /// What was decided.
    pub outcome: AuthorizeOutcome,
    /// Our payment.
    pub payment_id: Option<Uuid>,
    /// Our booking.
    pub booking_id: Option<Uuid>,
    /// What the booking costs.
    pub amount: Option<Amount>,
    /// Its currency.
    pub currency: Option<Currency>,
    /// The `PayPal-Request-Id` of the authorization.
    pub request_id: Option<String>,
    /// An earlier attempt with this id has no known outcome.
    #[serde(default)]
    pub resumed: bool,
    /// PayPal's authorization, when it is done.
    pub authorization_id: Option<String>,
    /// When the money will be taken, when it is done.
    pub capture_scheduled_at: Option<Timestamp>,
    /// The car, whose days are now booked.
    #[serde(flatten)]
    pub car: Option<TouchedCar>,
}

/// What became of an authorization in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordOutcome {
    /// The booking is confirmed.
    Confirmed,
    /// It was confirmed before.
    Replayed,
    /// Amount or currency are not the booking's. Nothing is confirmed.
    PaymentMismatch,
    /// The days went to somebody else. Nothing is confirmed.
    DatesUnavailable,
    /// The booking was cancelled meanwhile. Nothing is confirmed.
    BookingNotPayable,
}

impl RecordOutcome {
    /// As the database writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Replayed => "replayed",
            Self::PaymentMismatch => "payment_mismatch",
            Self::DatesUnavailable => "dates_unavailable",
            Self::BookingNotPayable => "booking_not_payable",
        }
    }
}

/// The answer of `record_authorization`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationRecord {
    /// What was decided.
    pub outcome: RecordOutcome,
    /// When the money will be taken.
    pub capture_scheduled_at: Option<Timestamp>,
}

/// The answer of `begin_void`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoidStart {
    /// The `PayPal-Request-Id`; absent when there is nothing to void.
    pub request_id: Option<String>,
}

/// An authorization that should be void and is not.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnvoidedAuthorization {
    /// Our payment.
    pub payment_id: Uuid,
    /// PayPal's authorization.
    pub authorization_id: String,
    /// Why it must not stand.
    pub reason: String,
}

impl Database<'_> {
    /// Takes the lease to authorize an order, or says why not.
    pub async fn begin_authorization(
        &self,
        order_id: &str,
    ) -> Result<AuthorizationStart, DatabaseError> {
        let arguments = serde_json::json!({ "p_order_id": order_id, "p_now": self.platform.now() });
        self.call("begin_authorization", &arguments).await
    }

    /// Notes an authorization and confirms the booking, unless it is not what was asked for.
    pub async fn record_authorization(
        &self,
        payment: Uuid,
        request_id: &str,
        authorization: &SeenAuthorization,
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
        self.call("record_authorization", &arguments).await
    }

    /// Notes that PayPal refused (`is_final`) or did not answer, and gives the lease back.
    pub async fn record_payment_failure(
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

    /// Stores the request id of a void before it is used.
    pub async fn begin_void(
        &self,
        payment: Uuid,
        authorization_id: &str,
        reason: &str,
    ) -> Result<VoidStart, DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_authorization_id": authorization_id,
            "p_reason": reason,
            "p_now": self.platform.now(),
        });
        self.call("begin_void", &arguments).await
    }

    /// Notes that PayPal voided.
    pub async fn record_void(&self, payment: Uuid, request_id: &str) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_request_id": request_id,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_void", &arguments).await.map(drop)
    }

    /// Up to `limit` authorizations that stand for nothing and that nobody is working on.
    pub async fn authorizations_to_void(
        &self,
        limit: u32,
    ) -> Result<Vec<UnvoidedAuthorization>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("authorizations_to_void", &arguments).await
    }
}
