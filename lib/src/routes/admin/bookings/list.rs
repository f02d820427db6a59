//! `GET /api/admin/bookings`: bookings with their payments and capture plans, newest first.

use crate::{
    app::App,
    clients::supabase::BookingListing,
    domain::{
        booking_state::BookingState,
        car::CarRef,
        dates::parse_date,
        payment_state::PaymentState,
        rate_limit::Tier,
        refusal::{Refusal, parse_text},
    },
    flows::traffic::admission::admit,
    routes::{access::require_admin, problems::Problem},
    web::{
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

pub(in crate::routes) async fn list(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let listing = read(&request.query, app.platform().now())?;

    let page = app
        .database(request.deadline)
        .list_bookings(&listing)
        .await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "bookings": page.bookings, "pagination": page.pagination }),
    ))
}

fn read(query: &str, now: Timestamp) -> Result<BookingListing, FieldErrors> {
    const PAGE: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 10000");
    const LIMIT: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 100");
    let mut fields = Fields::from_query(query);
    let listing = BookingListing {
        page: fields
            .optional_integer("page", 1, 10_000, PAGE)
            .unwrap_or(1),
        limit: fields
            .optional_integer("limit", 1, 100, LIMIT)
            .unwrap_or(25),
        status: fields.optional("status", parse_booking_state),
        payment_status: fields.optional("paymentStatus", parse_payment_state),
        car: fields.optional("carId", CarRef::parse),
        from: fields.optional("from", parse_date),
        to: fields.optional("to", parse_date),
        search: fields.optional("search", |text| parse_text(text, 100)),
        now,
    };
    fields.finish(listing)
}

fn parse_booking_state(text: &str) -> Result<BookingState, Refusal> {
    let state = BookingState::ALL
        .into_iter()
        .find(|state| state.name() == text);
    state.ok_or(Refusal::new("unknown_value", "must be a booking's status"))
}

fn parse_payment_state(text: &str) -> Result<PaymentState, Refusal> {
    let state = PaymentState::ALL
        .into_iter()
        .find(|state| state.name() == text);
    state.ok_or(Refusal::new("unknown_value", "must be a payment's status"))
}
