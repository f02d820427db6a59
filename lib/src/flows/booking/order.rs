//! PayPal orders that pay for bookings.

use crate::{
    app::App,
    clients::{
        paypal::{self, OrderLinks, PayPalError},
        supabase::{
            DatabaseError, ExistingOrder, LostOrder, NewPayment, PaymentOpening, PaymentRefusal,
            PaymentRequest,
        },
    },
    domain::{money::Money, paypal_meaning::Meaning},
    flows::cache::invalidate::{invalidate, invalidate_days},
    instance::cache_key::Subject,
    platform::Deadline,
};
use futures_util::future::join;
use jiff::civil::Date;
use std::time::Duration;
use uuid::Uuid;

/// The most lost orders that one run settles.
const LOST: u32 = 100;
/// The time that one more search needs.
const RESERVE: Duration = Duration::from_secs(10);

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

/// An order to request.
struct NewOrder<'a> {
    booking_id: Uuid,
    payment_id: Uuid,
    money: Money,
    /// PayPal takes its first 127 characters.
    description: &'a str,
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
    let rental = rental_text(
        &payment.reference,
        &payment.car_name,
        dates.start(),
        dates.end(),
    );
    let order = NewOrder {
        booking_id,
        payment_id: payment.payment_id,
        money: payment.price,
        description: description.unwrap_or(&rental),
    };
    let result = request_order(app, deadline, &payment.request_id, &order).await;
    if let Err(OrderError::PayPal(error)) = &result
        && let Some(kind) = error.meaning().failure_kind()
        // After an earlier request without a known outcome, this one proves nothing about it.
        && !payment.resumed
    {
        app.database(deadline)
            .record_payment_failure(payment.payment_id, &payment.request_id, error.code(), kind)
            .await?;
    }
    let OrderLinks { id, approve_url } = result?;
    Ok(PayableOrder {
        order_id: id,
        booking_id,
        price: payment.price,
        approve_url,
    })
}

/// Has PayPal create the order, or return the one that it created for this request id, and records
/// it.
async fn request_order(
    app: &App,
    deadline: Deadline,
    request_id: &str,
    order: &NewOrder<'_>,
) -> Result<OrderLinks, OrderError> {
    let base = &app.config().public_base_url;
    let booking_id = order.booking_id;
    let description: String = order.description.chars().take(127).collect();
    let links = app
        .paypal(deadline)
        .create_order(
            request_id,
            &paypal::NewOrder {
                booking_id,
                payment_id: order.payment_id,
                money: order.money,
                description: &description,
                return_url: &format!("{base}/?booking={booking_id}&payment=approved"),
                cancel_url: &format!("{base}/?booking={booking_id}&payment=cancelled"),
            },
        )
        .await?;
    app.database(deadline)
        .record_paypal_order(order.payment_id, request_id, &links.id, &links.approve_url)
        .await?;
    Ok(links)
}

/// The description of a rental for the payer.
fn rental_text(reference: &str, car: &str, start: Date, end: Date) -> String {
    format!("{reference}: {car}, {start} to {end}")
}

/// Looks for orders whose response was lost and whose customers left, and closes those that nobody
/// can find any more. Returns how many payments were settled.
///
/// PayPal returns the order for its request id, which it remembers for 6 hours. The order is then
/// known, and lapses like any other.
pub(crate) async fn settle_lost_orders(
    app: &App,
    deadline: Deadline,
) -> Result<usize, DatabaseError> {
    let mut settled = app.database(deadline).close_lost_orders(LOST).await?;
    for lost in app.database(deadline).lost_orders(LOST).await? {
        if deadline.left(app.platform().now()) < RESERVE {
            break;
        }
        match find_order(app, deadline, &lost).await {
            Ok(_) => settled += 1,
            Err(OrderError::PayPal(error)) => {
                log::warn!("payment={} lost order: {error}", lost.payment_id);
                if matches!(error.meaning(), Meaning::NotNow | Meaning::Ours) {
                    break;
                }
            }
            Err(OrderError::Database(error)) => return Err(error),
            Err(OrderError::Refused(_)) => {}
        }
    }
    Ok(settled)
}

async fn find_order(
    app: &App,
    deadline: Deadline,
    lost: &LostOrder,
) -> Result<OrderLinks, OrderError> {
    let description = rental_text(
        &lost.reference,
        &lost.car_name,
        lost.start_date,
        lost.end_date,
    );
    let order = NewOrder {
        booking_id: lost.booking_id,
        payment_id: lost.payment_id,
        money: lost.price,
        description: &description,
    };
    request_order(app, deadline, &lost.request_id, &order).await
}
