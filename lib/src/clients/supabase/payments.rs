//! What is known about money, and which request id the next call carries.

use super::{CarIdentity, Database, DatabaseError};
use crate::domain::{
    car::CarRef,
    dates::DateRange,
    money::{Amount, Currency, Money},
    payment::CaptureFailure,
};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// A booking that is to be paid.
#[derive(Clone, Copy, Debug)]
pub struct PaymentRequest<'a> {
    /// Our booking.
    pub booking: Uuid,
    /// Its car, as the client names it.
    pub car: &'a CarRef,
    /// Its days, as the client names them.
    pub dates: DateRange,
    /// What the client believes it costs; refused when wrong, never used.
    pub client_price: Option<Amount>,
    /// For the audit trail.
    pub request_id: &'a str,
}

/// What `open_payment` decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenOutcome {
    /// Ask PayPal for an order, with the request id given.
    CreateOrder,
    /// There is an order that the payer can still use.
    OrderExists,
    /// No booking of ours has this id.
    BookingNotFound,
    /// The booking is for another car or other days.
    BookingMismatch,
    /// The client's price is not the booking's. Recorded.
    PriceMismatch,
    /// The hold lapsed and the days went to somebody else.
    DatesUnavailable,
    /// The booking is over: cancelled, completed, or its first day has passed.
    BookingNotPayable,
    /// It is paid.
    AlreadyPaid,
}

/// The answer of `open_payment`. What follows `outcome` is there for the first two.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedPayment {
    /// What was decided.
    pub outcome: OpenOutcome,
    /// Our payment.
    pub payment_id: Option<Uuid>,
    /// Our booking.
    pub booking_id: Option<Uuid>,
    /// What people call the booking.
    pub reference: Option<String>,
    /// The car's name, for the payer's page.
    pub car_name: Option<String>,
    /// The price.
    pub amount: Option<Amount>,
    /// The price, when the client's was another.
    pub server_price: Option<Amount>,
    /// Its currency.
    pub currency: Option<Currency>,
    /// The `PayPal-Request-Id` of the order.
    pub request_id: Option<String>,
    /// The order that exists.
    pub order_id: Option<String>,
    /// Where the payer approves it.
    pub approve_url: Option<String>,
    /// The car, whose days may be held again.
    #[serde(flatten)]
    pub car: Option<TouchedCar>,
}

/// The car of a booking that was touched.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TouchedCar {
    car_id: Uuid,
    car_slug: String,
}

impl From<TouchedCar> for CarIdentity {
    fn from(car: TouchedCar) -> Self {
        Self {
            id: car.car_id,
            slug: car.car_slug,
        }
    }
}

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

/// An authorization that PayPal made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// PayPal's id.
    pub id: String,
    /// What is authorized.
    pub money: Money,
    /// The end of its life, at most 29 days ahead.
    pub expires_at: Option<Timestamp>,
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

#[derive(Deserialize)]
struct ReauthorizationRecord {
    outcome: LeaseOutcome,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LeaseOutcome {
    Recorded,
    LeaseLost,
}

/// A due payment under our lease.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureClaim {
    /// Our payment.
    pub payment_id: Uuid,
    /// Our booking.
    pub booking_id: Uuid,
    /// What people call the booking.
    pub reference: String,
    /// Proves that the payment is ours to work on.
    pub lease: Uuid,
    /// PayPal's order.
    pub order_id: String,
    /// What to capture.
    pub authorization_id: String,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
    /// From 1.
    pub attempt: u32,
    /// The `PayPal-Request-Id` of the capture.
    pub request_id: String,
    /// An earlier attempt with this id has no known outcome.
    pub resumed: bool,
    /// The `PayPal-Request-Id` of a reauthorization, when one is due first.
    pub reauthorize_request_id: Option<String>,
}

impl CaptureClaim {
    /// How much of what.
    #[must_use]
    pub fn money(&self) -> Money {
        Money {
            amount: self.amount,
            currency: self.currency,
        }
    }
}

impl Database<'_> {
    /// Prepares the payment of a booking. Stores the request id before it is used, and keeps the hold alive.
    pub async fn open_payment(
        &self,
        request: &PaymentRequest<'_>,
    ) -> Result<OpenedPayment, DatabaseError> {
        let arguments = serde_json::json!({
            "p_booking_id": request.booking,
            "p_car": request.car,
            "p_start_date": request.dates.start(),
            "p_end_date": request.dates.end(),
            "p_client_price": request.client_price,
            "p_request_id": request.request_id,
            "p_now": self.platform.now(),
        });
        self.call("open_payment", &arguments).await
    }

    /// Notes the order that PayPal made.
    pub async fn record_paypal_order(
        &self,
        payment: Uuid,
        request_id: &str,
        order_id: &str,
        approve_url: &str,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_request_id": request_id,
            "p_order_id": order_id,
            "p_approve_url": approve_url,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_paypal_order", &arguments)
            .await
            .map(drop)
    }

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

    /// Claims up to `limit` payments whose capture is due. Nobody else gets them while the lease lasts.
    pub async fn claim_due_captures(&self, limit: u32) -> Result<Vec<CaptureClaim>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("process_scheduled_payment_captures", &arguments)
            .await
    }

    /// Notes the authorization that took the old one's place; `false` when another run has the payment by now.
    pub async fn record_reauthorization(
        &self,
        claim: &CaptureClaim,
        request_id: &str,
        authorization: &Authorization,
    ) -> Result<bool, DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": claim.payment_id,
            "p_lease": claim.lease,
            "p_request_id": request_id,
            "p_authorization_id": authorization.id,
            "p_expires_at": authorization.expires_at,
            "p_now": self.platform.now(),
        });
        let record: ReauthorizationRecord = self.call("record_reauthorization", &arguments).await?;
        Ok(record.outcome == LeaseOutcome::Recorded)
    }

    /// Notes that the money was taken. Holds even when the lease was lost: what PayPal did is a fact.
    pub async fn record_capture(
        &self,
        claim: &CaptureClaim,
        capture_id: &str,
        amount: Amount,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": claim.payment_id,
            "p_lease": claim.lease,
            "p_request_id": claim.request_id,
            "p_capture_id": capture_id,
            "p_amount": amount,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_capture", &arguments).await.map(drop)
    }

    /// Notes that the money was not taken, or that nobody knows, and when to try again.
    pub async fn record_capture_failure(
        &self,
        claim: &CaptureClaim,
        code: &str,
        kind: CaptureFailure,
        retry_at: Timestamp,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": claim.payment_id,
            "p_lease": claim.lease,
            "p_request_id": claim.request_id,
            "p_error_code": code,
            "p_kind": kind,
            "p_retry_at": retry_at,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_capture_failure", &arguments)
            .await
            .map(drop)
    }
}
