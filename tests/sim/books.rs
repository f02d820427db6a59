//! Reads the books: the rows of the product's tables that money and days depend on.

use crate::{fleet, upstreams::Database};
use jiff::{Timestamp, ToSpan, civil::Date};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::collections::BTreeMap;
use uuid::Uuid;

const READ: &str = "
    SELECT jsonb_build_object(
        'bookings', (SELECT coalesce(jsonb_object_agg(id, to_jsonb(b) || jsonb_build_object(
            'final_price', b.final_price::text)), '{}')
            FROM public.bookings AS b),
        'payments', (SELECT coalesce(jsonb_object_agg(id, to_jsonb(p) || jsonb_build_object(
            'captured_amount', p.captured_amount::text,
            'refunded_amount', p.refunded_amount::text)), '{}')
            FROM public.payments AS p),
        'refunds', (SELECT coalesce(jsonb_object_agg(id, to_jsonb(r) || jsonb_build_object(
            'amount', r.amount::text)), '{}')
            FROM public.refunds AS r),
        'operations', (SELECT coalesce(jsonb_object_agg(request_id, to_jsonb(o)), '{}')
            FROM public.payment_operations AS o)
    )::text";

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Books {
    pub(crate) bookings: BTreeMap<Uuid, Booking>,
    pub(crate) payments: BTreeMap<Uuid, Payment>,
    pub(crate) refunds: BTreeMap<Uuid, Refund>,
    /// By request id.
    pub(crate) operations: BTreeMap<String, Operation>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Booking {
    pub(crate) id: Uuid,
    pub(crate) car_id: Uuid,
    pub(crate) status: String,
    pub(crate) start_date: Date,
    pub(crate) end_date: Date,
    pub(crate) final_price: Decimal,
    pub(crate) currency: String,
    pub(crate) hold_expires_at: Option<Timestamp>,
}

impl Booking {
    /// Whether the product considers the booking paid.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(self.status.as_str(), "upcoming" | "active" | "completed")
    }

    /// The first day on which the car is away.
    pub(crate) fn first(&self) -> Date {
        self.start_date
    }

    /// The first day on which the car can leave again. The car's turnaround comes from the fleet,
    /// because the table's own range is under test.
    pub(crate) fn end(&self) -> Date {
        let turnaround = fleet::turnaround_of(self.car_id).days();
        self.end_date.checked_add(turnaround).unwrap()
    }

    /// Whether the booking's days are closed to others. An expired hold still blocks them.
    pub(crate) fn blocks_days(&self) -> bool {
        matches!(
            self.status.as_str(),
            "pending_payment" | "upcoming" | "active"
        )
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Payment {
    pub(crate) id: Uuid,
    pub(crate) booking_id: Uuid,
    pub(crate) status: String,
    pub(crate) currency: String,
    pub(crate) authorization_id: Option<String>,
    pub(crate) capture_id: Option<String>,
    pub(crate) captured_amount: Option<Decimal>,
    pub(crate) refunded_amount: Decimal,
    pub(crate) void_reason: Option<String>,
    pub(crate) failure_code: Option<String>,
    pub(crate) lease_id: Option<Uuid>,
    pub(crate) lease_expires_at: Option<Timestamp>,
}

impl Payment {
    /// Whether the payment counts for its booking.
    pub(crate) fn is_live(&self) -> bool {
        self.void_reason.is_none()
            && !matches!(self.status.as_str(), "voided" | "failed" | "expired")
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: Uuid,
    pub(crate) payment_id: Uuid,
    pub(crate) amount: Decimal,
    pub(crate) idempotency_key: String,
    pub(crate) status: String,
    pub(crate) paypal_refund_id: Option<String>,
    pub(crate) failure_code: Option<String>,
    pub(crate) lease_expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) payment_id: Uuid,
    #[serde(rename = "operation")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) in_doubt: bool,
    pub(crate) subject_id: Option<String>,
}

impl Books {
    pub(crate) fn read(database: &mut Database) -> Self {
        serde_json::from_str(&database.read(READ, &[])).unwrap()
    }

    pub(crate) fn refunds_of(&self, payment: Uuid) -> impl Iterator<Item = &Refund> {
        self.refunds
            .values()
            .filter(move |refund| refund.payment_id == payment)
    }

    pub(crate) fn payments_of(&self, booking: Uuid) -> impl Iterator<Item = &Payment> {
        self.payments
            .values()
            .filter(move |payment| payment.booking_id == booking)
    }
}
