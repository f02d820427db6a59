//! PayPal orders that pay for bookings.

use crate::{
    app::App,
    clients::{
        paypal::{NewOrder, PayPalError},
        supabase::{
            DatabaseError, ExistingOrder, NewPayment, PaymentOpening, PaymentRefusal,
            PaymentRequest,
        },
    },
    domain::money::Money,
    flows::cache::invalidate::{invalidate, invalidate_days},
    instance::cache_key::Subject,
    platform::Deadline,
};
use futures_util::future::join;
use uuid::Uuid;

/// An order that the payer can approve.
#[derive(Debug)]
pub(crate) struct PayableOrder {
    pub(crate) order_id: String,
    pub(crate) booking_id: Uuid,
    pub(crate) price: Money,
    /// The page on which the payer approves the order.
    pub(crate) approve_url: String,
}

impl From<ExistingOrder> for PayableOrder {
    fn from(order: ExistingOrder) -> Self {
        Self {
            order_id: order.order_id,
            booking_id: order.booking_id,
            price: order.price,
            approve_url: order.approve_url,
        }
    }
}

/// The reason that there is no order.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal created no order. The request id is stored, so a retry is harmless.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    #[error("refused: {0:?}")]
    Refused(PaymentRefusal),
}

/// Returns the order for the booking of `request`: the existing one, or a new one.
///
/// 1. The database checks the booking, extends its hold and stores the request id.
/// 2. PayPal creates the order, or returns the one that it created for this request id.
/// 3. The database records the order. If that fails, a retry uses the same request id.
pub(crate) async fn open_order(
    app: &App,
    deadline: Deadline,
    request: &PaymentRequest<'_>,
    description: Option<&str>,
) -> Result<PayableOrder, OrderError> {
    match app.database(deadline).open_payment(request).await {
        // An expired hold may be active again. PayPal need not wait for the invalidation.
        Ok(PaymentOpening::OrderExists(order)) => {
            invalidate_days(app, [order.car.clone()]).await;
            Ok(order.into())
        }
        Ok(PaymentOpening::CreateOrder(payment)) => {
            let invalidation = invalidate_days(app, [payment.car.clone()]);
            let order = create_order(app, deadline, request, &payment, description);
            join(invalidation, order).await.1
        }
        Ok(PaymentOpening::Refused(refusal)) => Err(OrderError::Refused(refusal)),
        Err(error) => {
            // It is unknown whether an expired hold is active again.
            let subjects = vec![Subject::Days(request.car.clone()), Subject::Fleet];
            invalidate(app, subjects, None).await;
            Err(error.into())
        }
    }
}

async fn create_order(
    app: &App,
    deadline: Deadline,
    request: &PaymentRequest<'_>,
    payment: &NewPayment,
    description: Option<&str>,
) -> Result<PayableOrder, OrderError> {
    let (booking_id, dates) = (request.booking_id, request.dates);
    let rental = format!(
        "{}: {}, {} to {}",
        payment.reference,
        payment.car_name,
        dates.start(),
        dates.end()
    );
    let description: String = description.unwrap_or(&rental).chars().take(127).collect();
    let base = &app.config().public_base_url;
    let order = app
        .paypal(deadline)
        .create_order(
            &payment.request_id,
            &NewOrder {
                booking_id,
                payment_id: payment.payment_id,
                money: payment.price,
                description: &description,
                return_url: &format!("{base}/?booking={booking_id}&payment=approved"),
                cancel_url: &format!("{base}/?booking={booking_id}&payment=cancelled"),
            },
        )
        .await?;
    app.database(deadline)
        .record_paypal_order(
            payment.payment_id,
            &payment.request_id,
            &order.id,
            &order.approve_url,
        )
        .await?;
    Ok(PayableOrder {
        order_id: order.id,
        booking_id,
        price: payment.price,
        approve_url: order.approve_url,
    })
}
