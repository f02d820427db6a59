//! Readying a booking for payment.

use super::{Database, DatabaseError, TouchedCar};
use crate::domain::{
    car::CarRef,
    dates::DateRange,
    money::{Amount, Currency},
};
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
}
