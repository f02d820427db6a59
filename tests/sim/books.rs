//! Reads the books: the rows of the product's tables that money and days depend on.

use crate::{fleet, upstreams::Database};
use jiff::{Timestamp, ToSpan, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use uuid::Uuid;

const READ: &str = "
    SELECT jsonb_build_object(
        'bookings', (SELECT coalesce(jsonb_object_agg(id, to_jsonb(b) || jsonb_build_object(
            'final_price', b.final_price::text)), '{}')
            FROM public.bookings AS b),
        'payments', (SELECT coalesce(jsonb_object_agg(id, to_jsonb(p) || jsonb_build_object(
            'is_held', p.authorization_id IS NOT NULL AND p.status <> 'authorization_pending'
                AND internal.holds_money(p, $1::text::timestamptz),
            'amount', p.amount::text,
            'authorized_amount', coalesce(p.authorized_amount, p.amount)::text,
            'capture_amount', p.capture_amount::text,
            'captured_amount', p.captured_amount::text,
            'refunded_amount', p.refunded_amount::text)), '{}')
            FROM public.payments AS p),
        'refunds', (SELECT coalesce(jsonb_object_agg(id, to_jsonb(r) || jsonb_build_object(
            'amount', r.amount::text)), '{}')
            FROM public.refunds AS r),
        'captures', (SELECT coalesce(jsonb_object_agg(capture_id, to_jsonb(c) || jsonb_build_object(
            'amount', c.amount::text)), '{}')
            FROM public.payment_captures AS c),
        'findings', (SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY payment_id, kind), '[]')
            FROM public.payment_findings AS f WHERE resolved_at IS NULL),
        'operations', (SELECT coalesce(jsonb_object_agg(request_id, to_jsonb(o)), '{}')
            FROM public.payment_operations AS o)
    )::text";

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Books {
    pub(crate) bookings: BTreeMap<Uuid, Booking>,
    pub(crate) payments: BTreeMap<Uuid, Payment>,
    pub(crate) refunds: BTreeMap<Uuid, Refund>,
    /// By PayPal's id.
    pub(crate) captures: BTreeMap<String, Capture>,
    /// The open ones, acknowledged or not.
    pub(crate) findings: Vec<Finding>,
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
    pub(crate) payment_capture_scheduled_at: Option<Timestamp>,
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
    pub(crate) amount: Decimal,
    /// The price, unless PayPal authorized another amount.
    pub(crate) authorized_amount: Decimal,
    /// Whether the product shows that PayPal holds money of it.
    pub(crate) is_held: bool,
    pub(crate) order_id: Option<String>,
    pub(crate) authorization_id: Option<String>,
    pub(crate) capture_amount: Option<Decimal>,
    pub(crate) captured_amount: Option<Decimal>,
    pub(crate) refunded_amount: Decimal,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) reconciled_at: Option<Timestamp>,
    pub(crate) comparison_failures: i64,
    #[serde(deserialize_with = "moment_or_infinity")]
    pub(crate) next_attempt_at: Moment,
    pub(crate) void_reason: Option<String>,
    pub(crate) failure_code: Option<String>,
    pub(crate) lease_id: Option<Uuid>,
    pub(crate) lease_expires_at: Option<Timestamp>,
}

/// A time of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// NULL.
    AtOnce,
    At(Timestamp),
    Never,
}

fn moment_or_infinity<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Moment, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(match text.as_deref() {
        None => Moment::AtOnce,
        Some("infinity") => Moment::Never,
        Some(text) => Moment::At(text.parse().map_err(serde::de::Error::custom)?),
    })
}

impl Payment {
    /// Whether the payment counts for its booking: it holds or took money, or may get some.
    pub(crate) fn is_live(&self) -> bool {
        self.void_reason.is_none()
            && !matches!(self.status.as_str(), "voided" | "failed" | "expired")
    }

    /// Whether the product has captured money of it.
    pub(crate) fn is_captured(&self) -> bool {
        matches!(
            self.status.as_str(),
            "captured" | "partially_refunded" | "refunded"
        )
    }

    /// Whether the product believes that PayPal holds or keeps money of it.
    pub(crate) fn has_money(&self) -> bool {
        self.void_reason.is_none()
            && !matches!(
                self.status.as_str(),
                "created" | "voided" | "failed" | "expired" | "refunded"
            )
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Capture {
    pub(crate) payment_id: Uuid,
    pub(crate) amount: Decimal,
    pub(crate) status: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) payment_id: Uuid,
    pub(crate) kind: String,
    pub(crate) acknowledged_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: Uuid,
    pub(crate) payment_id: Uuid,
    pub(crate) capture_id: String,
    pub(crate) actor: String,
    pub(crate) amount: Decimal,
    pub(crate) idempotency_key: String,
    pub(crate) pending_since: Option<Timestamp>,
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
    pub(crate) fn read(database: &mut Database, now: Timestamp) -> Self {
        serde_json::from_str(&database.read(READ, &[&now.to_string()])).unwrap()
    }

    /// The money of a payment that the product shows as held.
    pub(crate) fn shown_as_held(&self, payment: &Payment) -> Decimal {
        let captures = |status: &str| -> Decimal {
            let of_payment = self
                .captures
                .values()
                .filter(|it| it.payment_id == payment.id);
            let with_status = of_payment.filter(|it| it.status == status);
            with_status.map(|it| it.amount).sum()
        };
        let uncaptured = if payment.is_held {
            payment.authorized_amount - captures("completed")
        } else {
            Decimal::ZERO
        };
        uncaptured.max(captures("pending"))
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
