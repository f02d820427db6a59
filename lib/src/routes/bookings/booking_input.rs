//! The body of `POST /api/bookings`.

use crate::{
    clients::supabase::BookingRequest,
    domain::{
        booking::{Customer, parse_email, parse_full_name, parse_phone},
        car::CarRef,
        dates::DateRange,
        money::Amount,
        secret::sha256_hex,
    },
    routes::{
        body::json_fields, idempotency_key::read_idempotency_key, problems::Problem,
        rental_dates::read_rental_dates,
    },
    web::{fields::Fields, request::Request},
};
use serde::Serialize;

/// A booking that a customer requests. Its JSON is what an idempotency key stands for.
#[derive(Debug, Serialize)]
pub(super) struct BookingInput {
    pub(super) car: CarRef,
    dates: DateRange,
    customer: Option<Customer>,
    price: Option<Amount>,
    #[serde(skip)]
    idempotency_key: Option<String>,
}

impl BookingInput {
    pub(super) fn read(request: &Request) -> Result<Self, Problem> {
        let mut fields = json_fields(request)?;
        let car = fields.required("carId", CarRef::parse);
        let dates = read_rental_dates(&mut fields);
        let customer = fields.optional_object("customer", read_customer);
        let price = fields.optional_amount("totalPrice", Amount::parse);
        let idempotency_key = read_idempotency_key(request, &mut fields);
        let input = car.zip(dates).map(|(car, dates)| Self {
            car,
            dates,
            customer,
            price,
            idempotency_key,
        });
        Ok(fields.finish_required(input)?)
    }

    pub(super) fn booking_request<'a>(&'a self, request_id: &'a str) -> BookingRequest<'a> {
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
