//! `POST /api/bookings/create-paypal-order`: the order that the payer approves.

use super::{bookings::read_dates, json_fields};
use crate::{
    app::App,
    clients::supabase::{BookingRequest, OpenOutcome, PaymentRequest},
    domain::{
        booking::{BookingName, parse_description},
        car::CarRef,
        dates::DateRange,
        money::Amount,
        rate_limit::Tier,
    },
    flows::{
        admission::admit_to_lock,
        hold::{booking_token, hold},
        lease::Lease,
        lock::{Lock, Taken, lock_of},
        order::{OrderError, PayableOrder, open},
    },
    http::{reply::Reply, request::Request},
    problem::Problem,
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// What a shop asks for.
#[derive(Debug)]
struct Asked {
    car: CarRef,
    dates: DateRange,
    booking: BookingName,
    description: Option<String>,
    price: Option<Amount>,
}

impl Asked {
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
struct Answered {
    order: PayableOrder,
    token: Option<String>,
}

pub(super) async fn create(app: &App, request: &Request) -> Result<Reply, Problem> {
    let asked = read(request);
    let lock = asked
        .as_ref()
        .ok()
        .filter(|asked| matches!(asked.booking, BookingName::ShopReference(_)))
        .map(|asked| lock_of(app, &asked.car));
    let taken = admit_to_lock(app, request, Tier::Payment, lock.as_ref()).await?;
    let asked = asked?;

    let Answered { order, token } = order_for(app, request, &asked, lock, taken).await?;
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
    asked: &Asked,
    lock: Option<Lease>,
    taken: Taken,
) -> Result<Answered, Problem> {
    let description = asked.description.as_deref();
    if let BookingName::Id(id) = asked.booking {
        match open(
            app,
            request.deadline,
            &asked.payment_of(id, request),
            description,
        )
        .await
        {
            // A UUID that is not ours is a shop's reference like any other.
            Err(OrderError::Refused(opened)) if opened.outcome == OpenOutcome::BookingNotFound => {}
            result => {
                return Ok(Answered {
                    order: result?,
                    token: None,
                });
            }
        }
    }
    let lock = match lock {
        Some(lock) => Lock::acquire(app, lock, taken).await?,
        None => Lock::none(),
    };
    let reference = asked.booking.reference();
    let wished = BookingRequest {
        car: &asked.car,
        dates: asked.dates,
        customer: None,
        client_price: asked.price,
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
        &asked.payment_of(id, request),
        description,
    )
    .await?;
    Ok(Answered {
        order,
        token: hold.is_new.then(|| booking_token(app, id)),
    })
}

fn read(request: &Request) -> Result<Asked, Problem> {
    let mut fields = json_fields(request)?;
    let car = fields.required("carId", CarRef::parse);
    let dates = read_dates(&mut fields);
    let booking = fields.required("bookingId", BookingName::parse);
    let description = fields.optional("description", parse_description);
    let price = fields.optional_amount("totalPrice", Amount::parse);
    match (car, dates, booking) {
        (Some(car), Some(dates), Some(booking)) if fields.is_clean() => Ok(Asked {
            car,
            dates,
            booking,
            description,
            price,
        }),
        _ => Err(fields.refused().into()),
    }
}
