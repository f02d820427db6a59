//! `POST /api/bookings/create-paypal-order`: the order that the payer approves.

use super::order_input::OrderInput;
use crate::{
    app::App,
    clients::{supabase::PaymentRefusal, upstash::Lease},
    domain::{booking::BookingName, rate_limit::Tier},
    flows::{
        booking::{
            hold::hold,
            lock::{Lock, lock_of},
            order::{self, OrderError, PayableOrder},
            token::booking_token,
        },
        traffic::admission::{LimitExceeded, LockAttempt, admit, admit_with_lock},
    },
    routes::{problems::Problem, unreadable::reject_unreadable},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// An order, and the token of the booking when this request created it.
struct OrderResult {
    order: PayableOrder,
    token: Option<String>,
}

pub(in crate::routes) async fn create(app: &App, request: &Request) -> Result<Reply, Problem> {
    // Parsed before the admission, which tries to take the car's lock in the same round trip.
    let input = match OrderInput::read(request) {
        Ok(input) => input,
        Err(problem) => return Err(reject_unreadable(app, request, Tier::Payment, problem).await),
    };
    let lock = admit_order(app, request, &input).await?;

    let OrderResult { order, token } = order_for(app, request, &input, lock).await?;
    let mut body = json!({
        "success": true,
        "orderID": order.order_id,
        "bookingId": order.booking_id,
        "amount": order.price.amount,
        "currency": order.price.currency,
        "approveUrl": order.approve_url,
    });
    if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
        body.insert("bookingToken".to_owned(), token.into());
    }
    Ok(Reply::json(StatusCode::CREATED, &body))
}

/// Admits the request. Only a shop's reference can make a new hold, which needs the car's lock.
async fn admit_order(
    app: &App,
    request: &Request,
    input: &OrderInput,
) -> Result<Option<(Lease, LockAttempt)>, LimitExceeded> {
    match input.booking {
        BookingName::ShopReference(_) => {
            let lease = lock_of(app.platform(), &input.car);
            let attempt = admit_with_lock(app, request, Tier::Payment, &lease).await?;
            Ok(Some((lease, attempt)))
        }
        BookingName::Id(_) => {
            admit(app, request, Tier::Payment).await?;
            Ok(None)
        }
    }
}

/// The order of an existing booking, or of a new hold under a shop's reference.
async fn order_for(
    app: &App,
    request: &Request,
    input: &OrderInput,
    lock: Option<(Lease, LockAttempt)>,
) -> Result<OrderResult, Problem> {
    if let BookingName::Id(id) = input.booking {
        match open_order(app, request, input, id).await {
            // An unknown UUID is a shop's reference like any other.
            Err(OrderError::Refused(PaymentRefusal::BookingNotFound)) => {}
            result => {
                return Ok(OrderResult {
                    order: result?,
                    token: None,
                });
            }
        }
    }
    let lock = match lock {
        Some((lease, attempt)) => Lock::acquire(app, lease, attempt).await?,
        None => Lock::none(),
    };
    let reference = input.booking.reference();
    let booking_request = input.booking_request(&reference, &request.id);
    let hold = hold(app, request.deadline, lock, &booking_request).await?;
    let booking_id = hold.booking.id;
    let order = open_order(app, request, input, booking_id).await?;
    let token = || booking_token(&app.config().booking_token_secret, booking_id);
    Ok(OrderResult {
        order,
        token: hold.is_new.then(token),
    })
}

async fn open_order(
    app: &App,
    request: &Request,
    input: &OrderInput,
    booking_id: Uuid,
) -> Result<PayableOrder, OrderError> {
    let payment = input.payment_request(booking_id, &request.id);
    let description = input.description.as_deref();
    order::open_order(app, request.deadline, &payment, description).await
}
