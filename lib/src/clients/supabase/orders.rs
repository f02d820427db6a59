//! Opening a booking for payment.

use super::{Arguments, CarIdentity, Database, DatabaseError};
use crate::domain::{
    car::CarRef,
    dates::DateRange,
    money::{Amount, Currency, Money},
};
use jiff::civil::Date;
use serde::Deserialize;
use uuid::Uuid;

/// The arguments of `open_payment`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaymentRequest<'a> {
    pub(crate) booking_id: Uuid,
    /// The car as the client names it.
    pub(crate) car: &'a CarRef,
    /// The days as the client names them.
    pub(crate) dates: DateRange,
    /// The price that the client expects. Refused unless it is the server's price.
    pub(crate) client_price: Option<Amount>,
    /// For the audit log.
    pub(crate) request_id: &'a str,
}

/// The result of `open_payment`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaymentOpening {
    /// PayPal has to create an order.
    CreateOrder(NewPayment),
    /// The payer can still use an order of this booking.
    OrderExists(ExistingOrder),
    Refused(PaymentRefusal),
}

/// A payment that needs an order.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewPayment {
    pub(crate) payment_id: Uuid,
    /// The booking's reference.
    pub(crate) reference: String,
    pub(crate) car_name: String,
    #[serde(flatten)]
    pub(crate) price: Money,
    /// The `PayPal-Request-Id` of the order.
    pub(crate) request_id: String,
    /// An earlier request with this id has no known outcome.
    pub(crate) resumed: bool,
    /// Its days may be held again.
    #[serde(flatten)]
    pub(crate) car: CarIdentity,
}

/// An order that PayPal created for an earlier request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExistingOrder {
    pub(crate) order_id: String,
    pub(crate) booking_id: Uuid,
    #[serde(flatten)]
    pub(crate) price: Money,
    /// The page on which the payer approves the order.
    pub(crate) approve_url: String,
    /// Its days may be held again.
    #[serde(flatten)]
    pub(crate) car: CarIdentity,
}

/// The reason that a booking cannot be paid.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum PaymentRefusal {
    BookingNotFound,
    /// The booking is for another car or other days.
    BookingMismatch,
    /// The client expects another price. `security_events` has a row about it.
    PriceMismatch {
        server_price: Amount,
        currency: Currency,
    },
    /// The hold expired, and another booking has the days.
    DatesUnavailable,
    /// The hold expired. Its days are free, and the customer needs a new booking.
    HoldExpired,
    /// The booking is canceled, or its first day has passed.
    BookingNotPayable,
    /// A payment holds or keeps money.
    AlreadyPaid,
    /// PayPal reviews a payment.
    PaymentInProgress,
}

/// A request for an order whose response was lost.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LostOrder {
    pub(crate) payment_id: Uuid,
    pub(crate) booking_id: Uuid,
    /// The booking's reference.
    pub(crate) reference: String,
    pub(crate) car_name: String,
    pub(crate) start_date: Date,
    pub(crate) end_date: Date,
    #[serde(flatten)]
    pub(crate) price: Money,
    /// The `PayPal-Request-Id` of the order.
    pub(crate) request_id: String,
}

impl Database<'_> {
    /// Prepares the payment of a booking: extends its hold, and stores the request id of an order.
    pub(crate) async fn open_payment(
        &self,
        request: &PaymentRequest<'_>,
    ) -> Result<PaymentOpening, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_booking_id", &request.booking_id),
            ("p_car", &request.car),
            ("p_start_date", &request.dates.start()),
            ("p_end_date", &request.dates.end()),
            ("p_client_price", &request.client_price),
            ("p_request_id", &request.request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("open_payment", arguments).await
    }

    /// Records the order that PayPal created.
    pub(crate) async fn record_paypal_order(
        &self,
        payment: Uuid,
        request_id: &str,
        order_id: &str,
        approve_url: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_request_id", &request_id),
            ("p_order_id", &order_id),
            ("p_approve_url", &approve_url),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_paypal_order", arguments)
            .await
            .map(drop)
    }

    /// Ends an order that PayPal has forgotten or voided. The payment's next order is a new one.
    pub(crate) async fn end_paypal_order(
        &self,
        order_id: &str,
        code: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_order_id", &order_id),
            ("p_error_code", &code),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("end_paypal_order", arguments).await.map(drop)
    }

    /// Up to `limit` order requests whose response was lost and that nobody repeated.
    pub(crate) async fn lost_orders(&self, limit: u32) -> Result<Vec<LostOrder>, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        self.call("lost_orders", arguments).await
    }

    /// Closes up to `limit` payments whose order nobody can find any more. Returns their number.
    pub(crate) async fn close_lost_orders(&self, limit: u32) -> Result<usize, DatabaseError> {
        #[derive(Deserialize)]
        struct LostOrderClosure {
            count: usize,
        }
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        let LostOrderClosure { count } = self.call("close_lost_orders", arguments).await?;
        Ok(count)
    }
}
