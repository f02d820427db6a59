//! `POST /api/bookings`: holds a car for fifteen minutes.

use crate::{
    app::App,
    clients::supabase::{Booking, BookingRequest},
    domain::{
        booking::{Customer, parse_email, parse_full_name, parse_idempotency_key, parse_phone},
        car::CarRef,
        dates::{DateRange, parse_date},
        money::Amount,
        rate_limit::Tier,
        refusal::Refusal,
        secret::sha256_hex,
    },
    flows::{
        booking::{
            hold::hold,
            lock::{Lock, lock_of},
            token::booking_token,
        },
        traffic::admission::admit_with_lock,
    },
    routes::{body::json_fields, problems::Problem, unreadable::reject_unreadable},
    web::{fields::Fields, reply::Reply, request::Request},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;

/// What a customer asks for.
#[derive(Debug, Serialize)]
struct BookingInput {
    car: CarRef,
    dates: DateRange,
    customer: Option<Customer>,
    price: Option<Amount>,
    #[serde(skip)]
    idempotency_key: Option<String>,
}

pub(in crate::routes) async fn create(app: &App, request: &Request) -> Result<Reply, Problem> {
    // Read before the admission, which tries to take the car's lock in the same round trip.
    let input = match read(request) {
        Ok(input) => input,
        Err(problem) => return Err(reject_unreadable(app, request, Tier::Booking, problem).await),
    };
    let lock = lock_of(app, &input.car);
    let attempt = admit_with_lock(app, request, Tier::Booking, &lock).await?;

    let lock = Lock::acquire(app, lock, attempt).await?;
    let hold = hold(
        app,
        request.deadline,
        lock,
        &input.booking_request(&request.id),
    )
    .await?;
    let status = if hold.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(answer(app, status, &hold.booking))
}

impl BookingInput {
    fn booking_request<'a>(&'a self, request_id: &'a str) -> BookingRequest<'a> {
        let content = || serde_json::to_string(self).unwrap_or_default();
        BookingRequest {
            car: &self.car,
            dates: self.dates,
            customer: self.customer.as_ref(),
            client_price: self.price,
            idempotency_key_hash: self.idempotency_key.as_deref().map(sha256_hex),
            request_hash: self
                .idempotency_key
                .as_ref()
                .map(|_| sha256_hex(&content())),
            shop_reference: None,
            request_id,
        }
    }
}

fn answer(app: &App, status: StatusCode, booking: &Booking) -> Reply {
    let id = booking.booking_id;
    let token = booking_token(app, id);
    let path = format!("/api/bookings/{id}");
    let reply = Reply::json(
        status,
        &json!({
            "success": true,
            "bookingId": id,
            "reference": booking.reference,
            "status": booking.status,
            "holdExpiresAt": booking.hold_expires_at,
            "price": booking.price,
            "bookingToken": token,
            "bookingUrl": format!("{}{path}?token={token}", app.config().public_base_url),
        }),
    );
    match HeaderValue::from_str(&path) {
        Ok(location) => reply.with_header(header::LOCATION, location),
        Err(_) => reply,
    }
}

fn read(request: &Request) -> Result<BookingInput, Problem> {
    let mut fields = json_fields(request)?;
    let car = fields.required("carId", CarRef::parse);
    let dates = read_dates(&mut fields);
    let customer = fields.optional_object("customer", read_customer);
    let price = fields.optional_amount("totalPrice", Amount::parse);
    let idempotency_key = read_idempotency_key(request, &mut fields);
    match (car, dates) {
        (Some(car), Some(dates)) if fields.is_clean() => Ok(BookingInput {
            car,
            dates,
            customer,
            price,
            idempotency_key,
        }),
        _ => Err(fields.refused().into()),
    }
}

/// The rental in `startDate` and `endDate`, both required.
pub(in crate::routes) fn read_dates(fields: &mut Fields) -> Option<DateRange> {
    let start = fields.required("startDate", parse_date);
    let end = fields.required("endDate", parse_date);
    DateRange::new(start?, end?)
        .map_err(|refusal| fields.refuse("endDate", refusal))
        .ok()
}

fn read_customer(fields: &mut Fields) -> Option<Customer> {
    let full_name = fields.required("fullName", parse_full_name);
    let email = fields.required("email", parse_email);
    let phone = fields.optional("phone", parse_phone);
    Some(Customer {
        full_name: full_name?,
        email: email?,
        phone,
    })
}

/// The `Idempotency-Key` header, if there is one.
pub(in crate::routes) fn read_idempotency_key(
    request: &Request,
    fields: &mut Fields,
) -> Option<String> {
    const SHAPE: Refusal = Refusal::new(
        "invalid_header",
        "the header must be 1 to 255 visible ASCII characters",
    );
    let value = request.headers.get("idempotency-key")?;
    let parsed = value
        .to_str()
        .map_err(|_| SHAPE)
        .and_then(parse_idempotency_key);
    parsed
        .map_err(|refusal| fields.refuse("Idempotency-Key", refusal))
        .ok()
}
