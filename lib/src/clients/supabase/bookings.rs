//! Making and reading bookings.

use super::{Database, DatabaseError};
use crate::domain::{
    booking::Customer,
    booking_state::BookingState,
    car::CarRef,
    dates::DateRange,
    money::{Amount, Currency},
    payment_plan::{PaymentPlan, PlanFacts, plan},
    payment_state::PaymentState,
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What a price consists of, as the database worked it out. Passes to the client as it is.
pub type Price = Box<RawValue>;

/// A booking to make.
#[derive(Debug)]
pub struct BookingRequest<'a> {
    /// Which car.
    pub car: &'a CarRef,
    /// Which days.
    pub dates: DateRange,
    /// For whom, if known.
    pub customer: Option<&'a Customer>,
    /// What the client believes it costs; refused when wrong, never used.
    pub client_price: Option<Amount>,
    /// SHA-256 of the idempotency key.
    pub idempotency_key_hash: Option<String>,
    /// SHA-256 of the content that came with that key.
    pub request_hash: Option<String>,
    /// The shop's own name for the booking.
    pub shop_reference: Option<&'a str>,
    /// For the audit trail.
    pub request_id: &'a str,
}

/// What `create_booking` decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateOutcome {
    /// A new hold.
    Created,
    /// The same request came before: that booking.
    Replayed,
    /// The key came before with other content.
    IdempotencyKeyReused,
    /// The shop's reference stands for another car or other days.
    BookingMismatch,
    /// No such car is offered.
    CarNotFound,
    /// The first day has passed where the car stands.
    InThePast,
    /// The first day is too far ahead.
    TooFarAhead,
    /// Fewer days than the car's minimum.
    TooShort,
    /// More days than the car's maximum.
    TooLong,
    /// The car has no price.
    NotPriced,
    /// The client's price is not ours. Recorded.
    PriceMismatch,
    /// Somebody has some of the days.
    DatesUnavailable,
}

/// The answer of `create_booking`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedBooking {
    /// What was decided.
    pub outcome: CreateOutcome,
    /// The booking, when there is one.
    pub booking: Option<Booking>,
    /// Our price, when the client's was another.
    pub server_price: Option<Amount>,
    /// Its currency.
    pub currency: Option<Currency>,
    /// The days that are taken.
    #[serde(default)]
    pub unavailable_dates: Vec<Date>,
}

/// A booking as its holder sees it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// Our id.
    pub booking_id: Uuid,
    /// What people say on the telephone.
    pub reference: String,
    /// Where it stands.
    pub status: BookingState,
    /// The car's id.
    pub car_id: Uuid,
    /// The car's slug.
    pub car_slug: String,
    /// The car's name.
    pub car_name: String,
    /// First day.
    pub start_date: Date,
    /// Day of return.
    pub end_date: Date,
    /// `end - start`.
    pub rental_days: u32,
    /// Until when the days are held without payment.
    pub hold_expires_at: Option<Timestamp>,
    /// What it costs.
    pub price: Price,
    /// Who booked.
    pub customer: Option<Box<RawValue>>,
    /// The latest payment.
    pub payment: Option<PaymentSummary>,
    /// When its money is held, renewed and taken, while that is ahead.
    #[serde(skip_deserializing)]
    pub payment_plan: Option<PaymentPlan>,
    #[serde(skip_serializing)]
    plan_facts: PlanFacts,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
}

/// A payment as the booking's holder sees it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentSummary {
    /// Our id.
    pub payment_id: Uuid,
    /// Where it stands.
    pub status: PaymentState,
    /// PayPal's order.
    pub order_id: Option<String>,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
    /// PayPal's authorization.
    pub authorization_id: Option<String>,
    /// The end of that authorization's life.
    pub authorization_expires_at: Option<Timestamp>,
    /// PayPal's capture.
    pub capture_id: Option<String>,
    /// What went back of it.
    pub refunded_amount: Amount,
    /// When the money will be taken.
    pub capture_scheduled_at: Option<Timestamp>,
}

impl Booking {
    /// The same, with the plan for its money: for a booking that stands or may yet be paid, until the money is taken. A hold
    /// is planned as if it were paid when it was made.
    #[must_use]
    pub fn planned(mut self) -> Self {
        let is_open = matches!(
            self.status,
            BookingState::PendingPayment | BookingState::Upcoming | BookingState::Active
        );
        let is_over = self.payment.as_ref().is_some_and(|payment| {
            payment.status.is_captured() || payment.status.ended_without_money()
        });
        self.payment_plan = (is_open && !is_over).then(|| plan(&self.plan_facts, self.created_at));
        self
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExpiredHolds {
    cars: Vec<super::CarIdentity>,
}

impl Database<'_> {
    /// Holds a car for a customer, or says why not. One transaction; safe to repeat with an idempotency key or a shop's reference.
    pub async fn create_booking(
        &self,
        request: &BookingRequest<'_>,
    ) -> Result<CreatedBooking, DatabaseError> {
        let arguments = serde_json::json!({
            "p_car": request.car,
            "p_start_date": request.dates.start(),
            "p_end_date": request.dates.end(),
            "p_customer": request.customer,
            "p_client_price": request.client_price,
            "p_idempotency_key_hash": request.idempotency_key_hash,
            "p_request_hash": request.request_hash,
            "p_shop_reference": request.shop_reference,
            "p_request_id": request.request_id,
            "p_now": self.platform.now(),
        });
        self.call("create_booking", &arguments).await
    }

    /// A booking, if there is one.
    pub async fn get_booking(&self, id: Uuid) -> Result<Option<Booking>, DatabaseError> {
        let arguments = serde_json::json!({ "p_booking_id": id, "p_now": self.platform.now() });
        let booking: Option<Booking> = self.call("get_booking", &arguments).await?;
        Ok(booking.map(Booking::planned))
    }

    /// Moves up to `limit` bookings on whose first or last day has come.
    pub async fn advance_bookings(&self, limit: u32) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call_raw("advance_bookings", &arguments)
            .await
            .map(drop)
    }

    /// Ends up to `limit` holds whose time has passed, and names the cars that became free.
    pub async fn expire_holds(&self, limit: u32) -> Result<Vec<super::CarIdentity>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        let expired: ExpiredHolds = self.call("expire_holds", &arguments).await?;
        Ok(expired.cars)
    }
}
