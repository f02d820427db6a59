//! `GET /api/admin/bookings`: bookings with their payments and capture plans, newest first.

use crate::{
    app::App,
    clients::{
        json,
        supabase::{Booking, BookingListing, BookingPosition},
    },
    domain::{
        booking_state::BookingState,
        car::CarRef,
        dates::parse_date,
        money::{Amount, Currency},
        payment_amounts::PaymentAmounts,
        payment_state::PaymentState,
        rate_limit::Tier,
        refusal::{Refusal, parse_text},
    },
    flows::traffic::admission::admit,
    routes::{access::require_admin, admin::window::page_field, problems::Problem},
    web::{
        csv::{self, Cell},
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
};
use http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;

pub(in crate::routes) async fn list(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let listing = read(&request.query, app.platform().now())?;

    let page = app
        .database(request.deadline)
        .list_bookings(&listing)
        .await?;
    if csv::wants_csv(&request.headers) {
        let table = csv::table(&COLUMNS, page.bookings.iter().map(cells));
        return Ok(csv::reply(request, table, page.next.as_deref()));
    }
    let mut body = json!(page);
    body["success"] = json!(true);
    Ok(Reply::json(StatusCode::OK, &body))
}

const COLUMNS: [&str; 24] = [
    "bookingId",
    "reference",
    "status",
    "carId",
    "carSlug",
    "carName",
    "startDate",
    "endDate",
    "rentalDays",
    "fullName",
    "email",
    "phone",
    "finalPrice",
    "currency",
    "paymentStatus",
    "orderId",
    "captureId",
    "heldAmount",
    "capturedAmount",
    "refundedAmount",
    "createdAt",
    "cancelledAt",
    "cancellationReason",
    "failureCode",
];

/// The members of a booking's price and contact that the table shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Price {
    final_price: Amount,
    currency: Currency,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contact {
    full_name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

/// An amount of the booking's payments.
fn amount_cell(booking: &Booking, amount: impl Fn(&PaymentAmounts) -> Decimal) -> Cell {
    let payment = booking.payment.as_ref();
    let text = payment.map(|payment| format!("{:.2}", amount(&payment.amounts)));
    Cell::optional_number(text.as_ref())
}

fn cells(booking: &Booking) -> Vec<Cell> {
    let price: Option<Price> = json::from_slice(booking.price.get().as_bytes()).ok();
    let price = price.as_ref();
    let contact = booking.customer.as_ref();
    let contact: Contact = contact
        .and_then(|contact| json::from_slice(contact.get().as_bytes()).ok())
        .unwrap_or_default();
    let payment = booking.payment.as_ref();
    let cancellation = booking.cancellation.as_ref();
    vec![
        Cell::text(&booking.id),
        Cell::text(&booking.reference),
        Cell::text(booking.status.name()),
        Cell::text(&booking.car_id),
        Cell::text(&booking.car_slug),
        Cell::text(&booking.car_name),
        Cell::text(&booking.start_date),
        Cell::text(&booking.end_date),
        Cell::number(&booking.rental_days),
        Cell::optional_text(contact.full_name.as_ref()),
        Cell::optional_text(contact.email.as_ref()),
        Cell::optional_text(contact.phone.as_ref()),
        Cell::optional_number(price.map(|price| &price.final_price)),
        Cell::optional_text(price.map(|price| &price.currency)),
        Cell::optional_text(payment.map(|payment| payment.status.name())),
        Cell::optional_text(payment.and_then(|payment| payment.order_id.as_ref())),
        Cell::optional_text(payment.and_then(|payment| payment.capture_id.as_ref())),
        amount_cell(booking, |amounts| amounts.held),
        amount_cell(booking, |amounts| amounts.captured),
        amount_cell(booking, |amounts| amounts.refunded),
        Cell::text(&booking.created_at),
        Cell::optional_text(booking.cancelled_at.as_ref()),
        Cell::optional_text(cancellation.and_then(|cancellation| cancellation.reason.as_ref())),
        Cell::optional_text(payment.and_then(|payment| payment.failure_code.as_ref())),
    ]
}

fn read(query: &str, now: Timestamp) -> Result<BookingListing, FieldErrors> {
    const LIMIT: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 100");
    const AFTER: Refusal = Refusal::new("invalid_cursor", "must be the next of an earlier page");
    let mut fields = Fields::from_query(query);
    let after = fields.optional("after", |text| BookingPosition::parse(text).ok_or(AFTER));
    let listing = BookingListing {
        page: page_field(&mut fields, after.is_some()),
        limit: fields
            .optional_integer("limit", 1, 100, LIMIT)
            .unwrap_or(25),
        status: fields.optional("status", parse_booking_state),
        payment_status: fields.optional("paymentStatus", parse_payment_state),
        car: fields.optional("carId", CarRef::parse),
        from: fields.optional("from", parse_date),
        to: fields.optional("to", parse_date),
        search: fields.optional("search", |text| parse_text(text, 100)),
        after_at: after.map(|position| position.created_at),
        after_id: after.map(|position| position.id),
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
