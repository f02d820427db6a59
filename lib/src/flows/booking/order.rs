//! Asking PayPal for an order that pays for a booking.

use crate::{
    app::App,
    clients::{
        paypal::{NewOrder, PayPalError},
        supabase::{DatabaseError, OpenOutcome, OpenedPayment, PaymentRequest},
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
pub struct PayableOrder {
    /// PayPal's id.
    pub order_id: String,
    /// Our booking.
    pub booking: Uuid,
    /// The price.
    pub money: Money,
    /// Where the payer approves it.
    pub approve_url: String,
}

/// Why there is no order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal gave no order. Repeating is harmless: the request id is stored.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// The booking cannot be paid, or not at this price.
    #[error("refused: {:?}", .0.outcome)]
    Refused(Box<OpenedPayment>),
    /// The database said yes and left out what is needed.
    #[error("open_payment left out a part of its answer")]
    Incomplete,
}

/// The order for the booking of `request`: the one that exists, or a new one.
///
/// 1. The database checks the booking, keeps its hold alive and stores the request id.
/// 2. PayPal makes the order, or gives the one it made for this request id.
/// 3. The database notes the order. If that fails, a repeat comes back here with the same request
///    id.
pub async fn open(
    app: &App,
    deadline: Deadline,
    request: &PaymentRequest<'_>,
    description: Option<&str>,
) -> Result<PayableOrder, OrderError> {
    let opened = app.database(deadline).open_payment(request).await;
    let mut opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // Whether a hold that had lapsed is alive again is not known.
            let days = vec![Subject::Days(request.car.clone()), Subject::Fleet];
            invalidate(app, days, None).await;
            return Err(error.into());
        }
    };
    // A hold that had lapsed may be alive again. PayPal need not wait for that, only the client.
    let invalidation = invalidate_days(app, opened.car.take().map(Into::into));
    let order = async {
        match opened.outcome {
            OpenOutcome::OrderExists => existing(opened).ok_or(OrderError::Incomplete),
            OpenOutcome::CreateOrder => create(app, deadline, opened, request, description).await,
            _ => Err(OrderError::Refused(Box::new(opened))),
        }
    };
    join(invalidation, order).await.1
}

fn existing(opened: OpenedPayment) -> Option<PayableOrder> {
    Some(PayableOrder {
        order_id: opened.order_id?,
        booking: opened.booking_id?,
        money: Money {
            amount: opened.amount?,
            currency: opened.currency?,
        },
        approve_url: opened.approve_url?,
    })
}

async fn create(
    app: &App,
    deadline: Deadline,
    opened: OpenedPayment,
    request: &PaymentRequest<'_>,
    description: Option<&str>,
) -> Result<PayableOrder, OrderError> {
    let (
        Some(payment),
        Some(amount),
        Some(currency),
        Some(request_id),
        Some(reference),
        Some(car_name),
    ) = (
        opened.payment_id,
        opened.amount,
        opened.currency,
        opened.request_id,
        opened.reference,
        opened.car_name,
    )
    else {
        return Err(OrderError::Incomplete);
    };
    let money = Money { amount, currency };
    let (booking, dates) = (request.booking, request.dates);
    let days = format!(
        "{reference}: {car_name}, {} to {}",
        dates.start(),
        dates.end()
    );
    let description: String = description.unwrap_or(&days).chars().take(127).collect();
    let base = &app.config().public_base_url;
    let order = app
        .paypal(deadline)
        .create_order(
            &request_id,
            &NewOrder {
                booking,
                payment,
                money,
                description: &description,
                return_url: &format!("{base}/?booking={booking}&payment=approved"),
                cancel_url: &format!("{base}/?booking={booking}&payment=cancelled"),
            },
        )
        .await?;
    app.database(deadline)
        .record_paypal_order(payment, &request_id, &order.id, &order.approve_url)
        .await?;
    Ok(PayableOrder {
        order_id: order.id,
        booking,
        money,
        approve_url: order.approve_url,
    })
}
