//! The body of `POST /api/bookings/create-paypal-order`.

use crate::{
    clients::supabase::{BookingRequest, PaymentRequest},
    domain::{
        booking::{BookingName, parse_description},
        car::CarRef,
        dates::DateRange,
        money::Amount,
    },
    routes::{body::json_fields, problems::Problem, rental_dates::read_rental_dates},
    web::request::Request,
};
use uuid::Uuid;

/// An order that a shop requests.
#[derive(Debug)]
pub(super) struct OrderInput {
    pub(super) car: CarRef,
    dates: DateRange,
    pub(super) booking: BookingName,
    pub(super) description: Option<String>,
    price: Option<Amount>,
}

impl OrderInput {
    pub(super) fn read(request: &Request) -> Result<Self, Problem> {
        let mut fields = json_fields(request)?;
        let car = fields.required("carId", CarRef::parse);
        let dates = read_rental_dates(&mut fields);
        let booking = fields.required("bookingId", BookingName::parse);
        let description = fields.optional("description", parse_description);
        let price = fields.optional_amount("totalPrice", Amount::parse);
        let input = car
            .zip(dates)
            .zip(booking)
            .map(|((car, dates), booking)| Self {
                car,
                dates,
                booking,
                description,
                price,
            });
        Ok(fields.finish_required(input)?)
    }

    /// The payment of the booking.
    pub(super) fn payment_request<'a>(
        &'a self,
        booking_id: Uuid,
        request_id: &'a str,
    ) -> PaymentRequest<'a> {
        PaymentRequest {
            booking_id,
            car: &self.car,
            dates: self.dates,
            client_price: self.price,
            request_id,
        }
    }

    /// The hold for the shop's reference `reference`.
    pub(super) fn booking_request<'a>(
        &'a self,
        reference: &'a str,
        request_id: &'a str,
    ) -> BookingRequest<'a> {
        BookingRequest {
            car: &self.car,
            dates: self.dates,
            customer: None,
            client_price: self.price,
            idempotency_key_hash: None,
            request_hash: None,
            shop_reference: Some(reference),
            request_id,
        }
    }
}
