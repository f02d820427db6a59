//! Bookings: creation, lookup, expiry.

use super::{Arguments, CarIdentity, Database, DatabaseError, cancellations::RefundStatus};
use crate::domain::{
    booking::Customer,
    booking_state::BookingState,
    car::CarRef,
    dates::DateRange,
    money::{Amount, Currency, Money},
    payment_amounts::{
        AmountFacts, PaymentAmounts, amounts, decimal_string, kept_after_cancellation,
    },
    payment_plan::{PaymentPlan, PlanFacts, plan, refundable_until},
    payment_state::PaymentState,
};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A price with its lines, as the database computed it. Clients get it unchanged.
pub(crate) type Price = Box<RawValue>;

/// The arguments of `create_booking`.
#[derive(Debug)]
pub(crate) struct BookingRequest<'a> {
    pub(crate) car: &'a CarRef,
    pub(crate) dates: DateRange,
    pub(crate) customer: Option<&'a Customer>,
    /// The price that the client expects. Refused unless it is the server's price.
    pub(crate) client_price: Option<Amount>,
    /// SHA-256 of the idempotency key.
    pub(crate) idempotency_key_hash: Option<String>,
    /// SHA-256 of the content that came with that key.
    pub(crate) request_hash: Option<String>,
    /// The shop's own name for the booking.
    pub(crate) shop_reference: Option<&'a str>,
    /// For the audit log.
    pub(crate) request_id: &'a str,
}

/// The result of `create_booking`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BookingCreation {
    Created {
        booking: Box<Booking>,
    },
    /// An earlier request like this one created the booking.
    Replayed {
        booking: Box<Booking>,
    },
    Refused(BookingRefusal),
}

/// The reason that a booking is not created.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum BookingRefusal {
    /// The key came with other content before.
    IdempotencyKeyReused,
    /// The shop's reference names a booking of another car or other days.
    BookingMismatch,
    /// No car on offer has this name.
    CarNotFound,
    /// The first day has passed at the car's place.
    InThePast,
    TooFarAhead,
    /// The rental has fewer days than the car's minimum.
    TooShort,
    /// The rental has more days than the car's maximum.
    TooLong,
    /// The car has no price.
    NotPriced,
    /// The client expects another price. `security_events` has a row about it.
    PriceMismatch {
        server_price: Amount,
        currency: Currency,
    },
    /// Other bookings have some of the days.
    DatesUnavailable {
        unavailable_dates: Vec<Date>,
    },
}

/// A booking as its holder sees it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Booking {
    #[serde(rename = "bookingId")]
    pub(crate) id: Uuid,
    /// The booking's name for people, as `EXO-7K2M9Q`.
    pub(crate) reference: String,
    pub(crate) status: BookingState,
    pub(crate) car_id: Uuid,
    pub(crate) car_slug: String,
    pub(crate) car_name: String,
    pub(crate) start_date: Date,
    /// The day of return.
    pub(crate) end_date: Date,
    /// `end_date - start_date`.
    pub(crate) rental_days: u32,
    /// The end of an unpaid hold.
    pub(crate) hold_expires_at: Option<Timestamp>,
    pub(crate) price: Price,
    pub(crate) customer: Option<Box<RawValue>>,
    /// The latest payment.
    pub(crate) payment: Option<PaymentSummary>,
    #[serde(skip_deserializing)]
    pub(crate) payment_plan: Option<PaymentPlan>,
    #[serde(skip_serializing)]
    amount_facts: Vec<AmountFacts>,
    #[serde(skip_serializing)]
    plan_facts: PlanFacts,
    pub(crate) created_at: Timestamp,
    pub(crate) cancelled_at: Option<Timestamp>,
    pub(crate) cancellation: Option<CancellationSummary>,
}

/// A cancellation as the booking's holder sees it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancellationSummary {
    pub(crate) cancelled_at: Timestamp,
    pub(crate) reason: Option<String>,
    /// The part of the price that goes back. Bookings canceled in SQL may have none.
    pub(crate) percent: Option<u32>,
    pub(crate) refund: RefundSummary,
    /// The amount that the shop keeps in the end.
    #[serde(skip_deserializing, serialize_with = "decimal_string")]
    pub(crate) kept: Decimal,
}

/// The money that a cancellation gives back, as the cancellation's response says it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundSummary {
    #[serde(flatten)]
    pub(crate) money: Money,
    pub(crate) status: RefundStatus,
    /// The reason of a refused refund.
    pub(crate) failure_code: Option<String>,
}

/// A payment as the booking's holder sees it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentSummary {
    pub(crate) payment_id: Uuid,
    pub(crate) status: PaymentState,
    pub(crate) order_id: Option<String>,
    pub(crate) amount: Amount,
    pub(crate) currency: Currency,
    pub(crate) authorization_id: Option<String>,
    pub(crate) authorization_expires_at: Option<Timestamp>,
    pub(crate) capture_id: Option<String>,
    /// The time of the next capture. `None` when nothing will be captured.
    pub(crate) capture_scheduled_at: Option<Timestamp>,
    /// The amount of the next capture.
    pub(crate) capture_amount: Option<Amount>,
    pub(crate) captured_at: Option<Timestamp>,
    /// Until when PayPal refunds the capture.
    #[serde(skip_deserializing)]
    pub(crate) refundable_until: Option<Timestamp>,
    /// Since when PayPal has not decided about an authorization, a capture or a refund.
    #[serde(rename = "waitsForPayPalSince")]
    pub(crate) waits_for_paypal_since: Option<Timestamp>,
    pub(crate) failure_code: Option<String>,
    /// The amounts of all payments of the booking.
    #[serde(flatten, skip_deserializing)]
    pub(crate) amounts: PaymentAmounts,
}

impl Booking {
    /// Adds everything that the product computes: the amounts and the plan of the payment.
    #[must_use]
    pub(crate) fn with_money(mut self) -> Self {
        let amounts = amounts(&self.amount_facts);
        if let Some(payment) = &mut self.payment {
            payment.amounts = amounts;
            payment.refundable_until = payment.captured_at.map(refundable_until);
        }
        if let Some(cancellation) = &mut self.cancellation {
            let refund = &cancellation.refund;
            let is_pending = refund.status == RefundStatus::Pending;
            cancellation.kept = kept_after_cancellation(
                &amounts,
                self.payment
                    .as_ref()
                    .and_then(|payment| payment.capture_amount),
                is_pending.then_some(refund.money.amount),
            );
        }
        self.payment_plan = self.plan();
        self
    }

    /// The payment plan, if the booking is open and its payment is still to be captured.
    ///
    /// The plan of a hold assumes a payment at the time of its creation.
    fn plan(&self) -> Option<PaymentPlan> {
        let is_open = matches!(
            self.status,
            BookingState::PendingPayment | BookingState::Upcoming | BookingState::Active
        );
        let is_capturable = self
            .payment
            .as_ref()
            .is_none_or(|payment| payment.status <= PaymentState::Capturing);
        (is_open && is_capturable).then(|| plan(&self.plan_facts, self.created_at))
    }

    #[must_use]
    pub(crate) fn car(&self) -> CarIdentity {
        CarIdentity {
            id: self.car_id,
            slug: self.car_slug.clone(),
        }
    }
}

#[derive(Deserialize)]
struct ExpiredHolds {
    cars: Vec<CarIdentity>,
}

impl Database<'_> {
    /// Holds a car for a customer. Safe to repeat with an idempotency key or a shop's reference.
    pub(crate) async fn create_booking(
        &self,
        request: &BookingRequest<'_>,
    ) -> Result<BookingCreation, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_car", &request.car),
            ("p_start_date", &request.dates.start()),
            ("p_end_date", &request.dates.end()),
            ("p_customer", &request.customer),
            ("p_client_price", &request.client_price),
            ("p_idempotency_key_hash", &request.idempotency_key_hash),
            ("p_request_hash", &request.request_hash),
            ("p_shop_reference", &request.shop_reference),
            ("p_request_id", &request.request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("create_booking", arguments).await
    }

    pub(crate) async fn get_booking(&self, id: Uuid) -> Result<Option<Booking>, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_booking_id", &id), ("p_now", &self.platform.now())];
        let booking: Option<Booking> = self.call("get_booking", arguments).await?;
        Ok(booking.map(Booking::with_money))
    }

    /// Moves up to `limit` bookings on whose first or last day has come.
    pub(crate) async fn advance_bookings(&self, limit: u32) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        self.call_raw("advance_bookings", arguments).await.map(drop)
    }

    /// Expires up to `limit` holds. Returns the cars whose days are free again.
    pub(crate) async fn expire_holds(&self, limit: u32) -> Result<Vec<CarIdentity>, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        let expired: ExpiredHolds = self.call("expire_holds", arguments).await?;
        Ok(expired.cars)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::outcome::decode_outcome, *};
    use serde_json::{Value, json};

    fn decode(result: &Value) -> Result<BookingCreation, serde_json::Error> {
        decode_outcome(result.to_string().as_bytes())
    }

    #[test]
    fn created_and_replayed_carry_booking() {
        let booking = json!({
            "bookingId": Uuid::nil(), "reference": "EXO-222222", "status": "pending_payment",
            "carId": Uuid::nil(), "carSlug": "porsche-911", "carName": "Porsche 911",
            "startDate": "2030-01-20", "endDate": "2030-01-22", "rentalDays": 2,
            "holdExpiresAt": "2030-01-10T12:15:00Z", "price": { "finalPrice": "237.60" },
            "customer": null, "payment": null, "amountFacts": [], "planFacts": {},
            "createdAt": "2030-01-10T12:00:00Z", "cancelledAt": null, "cancellation": null,
        });
        let created = json!({ "outcome": "created", "booking": booking });
        let Ok(BookingCreation::Created { booking: created }) = decode(&created) else {
            panic!("not created");
        };
        assert_eq!(created.price.get(), r#"{"finalPrice":"237.60"}"#);
        assert_eq!(created.car().slug, "porsche-911");
        let replayed = json!({ "outcome": "replayed", "booking": booking });
        assert!(matches!(
            decode(&replayed),
            Ok(BookingCreation::Replayed { .. })
        ));
    }

    #[test]
    fn refusals_carry_their_own_members() {
        let taken = json!({ "outcome": "dates_unavailable", "unavailableDates": ["2030-01-20"] });
        let Ok(BookingCreation::Refused(BookingRefusal::DatesUnavailable { unavailable_dates })) =
            decode(&taken)
        else {
            panic!("not refused");
        };
        assert_eq!(unavailable_dates.len(), 1);
        let short = json!({ "outcome": "too_short", "minRentalDays": 2, "maxRentalDays": 9 });
        assert!(matches!(
            decode(&short),
            Ok(BookingCreation::Refused(BookingRefusal::TooShort))
        ));
    }

    #[test]
    fn broken_results_are_errors() {
        for result in [
            json!({ "outcome": "created", "booking": null }),
            json!({ "outcome": "price_mismatch", "currency": "USD" }),
            json!({ "outcome": "held" }),
        ] {
            assert!(decode(&result).is_err(), "{result}");
        }
    }
}
