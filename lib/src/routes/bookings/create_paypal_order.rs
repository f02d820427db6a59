//! `POST /api/bookings/create-paypal-order`: the order that the payer approves.

use super::create::read_dates;
use crate::{
    app::App,
    clients::{
        supabase::{BookingRequest, OpenOutcome, PaymentRequest},
        upstash::Lease,
    },
    domain::{
        booking::{BookingName, parse_description},
        car::CarRef,
        dates::DateRange,
        money::Amount,
        rate_limit::Tier,
    },
    flows::{
        booking::{
            hold::hold,
            lock::{Lock, lock_of},
            order::{OrderError, PayableOrder, open},
            token::booking_token,
        },
        traffic::admission::{LockAttempt, admit, admit_with_lock},
    },
    routes::{body::json_fields, problems::Problem, unreadable::reject_unreadable},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// What a shop asks for.
#[derive(Debug)]
struct OrderInput {
    car: CarRef,
    dates: DateRange,
    booking: BookingName,
    description: Option<String>,
    price: Option<Amount>,
}

impl OrderInput {
    fn payment_of<'a>(&'a self, booking: Uuid, request: &'a Request) -> PaymentRequest<'a> {
        PaymentRequest {
            booking,
            car: &self.car,
            dates: self.dates,
            client_price: self.price,
            request_id: &request.id,
        }
    }
}

/// An order, and the token of the booking when this request made it.
struct OrderResult {
    order: PayableOrder,
    token: Option<String>,
}

pub(in crate::routes) async fn create(app: &App, request: &Request) -> Result<Reply, Problem> {
    // Read before the admission, which tries to take the car's lock in the same round trip.
    let input = match read(request) {
        Ok(input) => input,
        Err(problem) => return Err(reject_unreadable(app, request, Tier::Payment, problem).await),
    };
    let lock = match input.booking {
        BookingName::ShopReference(_) => {
            let lease = lock_of(app, &input.car);
            let attempt = admit_with_lock(app, request, Tier::Payment, &lease).await?;
            Some((lease, attempt))
        }
        BookingName::Id(_) => {
            admit(app, request, Tier::Payment).await?;
            None
        }
    };

    let OrderResult { order, token } = order_for(app, request, &input, lock).await?;
    let mut body = json!({
        "success": true,
        "orderID": order.order_id,
        "bookingId": order.booking,
        "amount": order.money.amount,
        "currency": order.money.currency,
        "approveUrl": order.approve_url,
    });
    if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
        body.insert("bookingToken".to_owned(), token.into());
    }
    Ok(Reply::json(StatusCode::CREATED, &body))
}

/// The order of a booking of ours, or of the hold that a shop's reference makes.
async fn order_for(
    app: &App,
    request: &Request,
    input: &OrderInput,
    lock: Option<(Lease, LockAttempt)>,
) -> Result<OrderResult, Problem> {
    let description = input.description.as_deref();
    if let BookingName::Id(id) = input.booking {
        match open(
            app,
            request.deadline,
            &input.payment_of(id, request),
            description,
        )
        .await
        {
            // A UUID that is not ours is a shop's reference like any other.
            Err(OrderError::Refused(opened)) if opened.outcome == OpenOutcome::BookingNotFound => {}
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
    let wished = BookingRequest {
        car: &input.car,
        dates: input.dates,
        customer: None,
        client_price: input.price,
        idempotency_key_hash: None,
        request_hash: None,
        shop_reference: Some(&reference),
        request_id: &request.id,
    };
    let hold = hold(app, request.deadline, lock, &wished).await?;
    let id = hold.booking.booking_id;
    let order = open(
        app,
        request.deadline,
        &input.payment_of(id, request),
        description,
    )
    .await?;
    Ok(OrderResult {
        order,
        token: hold.is_new.then(|| booking_token(app, id)),
    })
}

fn read(request: &Request) -> Result<OrderInput, Problem> {
    let mut fields = json_fields(request)?;
    let car = fields.required("carId", CarRef::parse);
    let dates = read_dates(&mut fields);
    let booking = fields.required("bookingId", BookingName::parse);
    let description = fields.optional("description", parse_description);
    let price = fields.optional_amount("totalPrice", Amount::parse);
    match (car, dates, booking) {
        (Some(car), Some(dates), Some(booking)) if fields.is_clean() => Ok(OrderInput {
            car,
            dates,
            booking,
            description,
            price,
        }),
        _ => Err(fields.refused().into()),
    }
}
