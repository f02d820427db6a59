//! PayPal's books: its authorizations, captures, refunds and disputes. The simulator's ledger has
//! the facts that stay, and its books have the statuses at the present moment.

use exodrive_local::paypal::{Books, Exchange, PaymentStatus, Simulator};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Each map is keyed by PayPal's id.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Ledger {
    orders: BTreeMap<String, Order>,
    /// Original authorizations only. Each contains its reauthorizations.
    pub(crate) authorizations: BTreeMap<String, Authorization>,
    pub(crate) captures: BTreeMap<String, Capture>,
    pub(crate) refunds: BTreeMap<String, Refund>,
    pub(crate) disputes: BTreeMap<String, Dispute>,
    /// The latest calls that made something.
    #[serde(skip)]
    pub(crate) calls: Vec<Call>,
}

/// A call of the product that made an order, a capture, a reauthorization or a refund.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The product's request id.
    pub(crate) request_id: String,
    /// PayPal's id of what the call made, or of what an earlier call with this request id made.
    pub(crate) result: String,
}

impl Call {
    fn read(exchange: &Exchange) -> Option<Self> {
        let request_id = exchange
            .request_headers
            .get("paypal-request-id")?
            .as_str()?;
        let parts: Vec<&str> = request_id.splitn(3, ':').collect();
        let [payment, operation, number] = parts.as_slice() else {
            return None;
        };
        // The mutation of request ids appends a number of its own.
        let number = number.split('-').next()?;
        let makes_something = matches!(exchange.status, 200 | 201)
            && ["order", "capture", "reauthorize", "refund"].contains(operation);
        Some(Self {
            request_id: format!("{payment}:{operation}:{number}"),
            result: exchange.response_body.get("id")?.as_str()?.to_owned(),
        })
        .filter(|_| makes_something)
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) currency: String,
    pub(crate) amount: Decimal,
}

#[derive(Clone, Debug, Deserialize)]
struct Order {
    units: Vec<OrderUnit>,
    approved_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
struct OrderUnit {
    /// The members that the product sent. `custom_id` is the booking's id.
    echoed: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) amount: Money,
    /// The product sends the booking's id here.
    custom_id: Uuid,
    /// The product sends the payment's id here.
    invoice_id: Uuid,
    reauthorizations: Vec<Reauthorization>,
    course: Option<Course>,
    voided: bool,
    /// PayPal's status, such as `CREATED`. An expired one is `VOIDED`.
    #[serde(skip)]
    pub(crate) status: &'static str,
    /// The money that is neither captured nor released.
    #[serde(skip)]
    pub(crate) held: Decimal,
}

#[derive(Clone, Debug, Deserialize)]
struct Reauthorization {
    id: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Course {
    decision: Option<Decision>,
}

#[derive(Clone, Debug, Deserialize)]
struct Decision {
    at: Timestamp,
}

impl Authorization {
    pub(crate) fn booking(&self) -> Uuid {
        self.custom_id
    }

    pub(crate) fn payment(&self) -> Uuid {
        self.invoice_id
    }

    /// The id to capture, void or reauthorize.
    pub(crate) fn latest_id(&self) -> &str {
        self.reauthorizations
            .last()
            .map_or(&self.id, |reauthorization| &reauthorization.id)
    }

    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.id == id || self.reauthorizations.iter().any(|it| it.id == id)
    }

    /// Whether PayPal releases the money without being asked.
    pub(crate) fn ends_by_itself(&self) -> bool {
        self.course.is_some() || !self.voided
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.status == "DENIED"
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.status == "PENDING"
    }

    /// Whether PayPal reserves money that can be captured, or may do so after its review.
    pub(crate) fn reserves_money(&self) -> bool {
        self.held > Decimal::ZERO
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Capture {
    pub(crate) id: String,
    pub(crate) original_id: String,
    pub(crate) amount: Money,
    course: Option<Course>,
    #[serde(skip)]
    status: &'static str,
    /// The money that the merchant received.
    #[serde(skip)]
    pub(crate) taken: Decimal,
    /// The money that went back, with reversals.
    #[serde(skip)]
    pub(crate) given_back: Decimal,
    /// The part of it that went back without a refund.
    #[serde(skip)]
    pub(crate) reversed: Decimal,
}

impl Capture {
    /// Whether the merchant received the money, even if it went back.
    pub(crate) fn is_completed(&self) -> bool {
        self.taken > Decimal::ZERO
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.taken.is_zero() && self.status == "PENDING"
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) capture_id: String,
    /// The product sends the id of its own row here.
    pub(crate) custom_id: Option<String>,
    pub(crate) amount: Money,
    course: Option<Course>,
    /// Such as `COMPLETED` or `FAILED`.
    #[serde(skip)]
    pub(crate) status: &'static str,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dispute {
    pub(crate) capture_id: String,
    /// `None` while it is open.
    pub(crate) outcome: Option<String>,
}

impl Ledger {
    /// Reads everything.
    pub(crate) fn read(simulator: &Simulator) -> Self {
        let mut ledger: Self = serde_json::from_value(simulator.ledger()).unwrap();
        ledger.update(&simulator.books());
        ledger.calls = simulator
            .exchanges()
            .iter()
            .filter_map(Call::read)
            .collect();
        ledger
    }

    /// Reads the statuses. PayPal may have decided meanwhile.
    pub(crate) fn update(&mut self, books: &Books) {
        for entry in &books.authorizations {
            if let Some(authorization) = self.authorizations.get_mut(&entry.id) {
                authorization.status = entry.status;
                authorization.held = entry.held;
            }
        }
        for entry in &books.captures {
            if let Some(capture) = self.captures.get_mut(&entry.id) {
                capture.status = entry.status;
                capture.taken = entry.taken;
                capture.given_back = entry.given_back;
                capture.reversed = entry.reversed;
            }
        }
        for entry in &books.refunds {
            if let Some(refund) = self.refunds.get_mut(&entry.id) {
                refund.status = entry.status;
            }
        }
    }

    /// Whether the payer has approved an order of the booking.
    pub(crate) fn is_approved(&self, booking: Uuid) -> bool {
        let id = booking.to_string();
        self.orders.values().any(|order| {
            order.approved_at.is_some()
                && order
                    .units
                    .iter()
                    .any(|unit| unit.echoed.get("custom_id").and_then(Value::as_str) == Some(&id))
        })
    }

    pub(crate) fn authorizations_of(&self, payment: Uuid) -> impl Iterator<Item = &Authorization> {
        self.authorizations
            .values()
            .filter(move |authorization| authorization.payment() == payment)
    }

    pub(crate) fn captures_of(&self, payment: Uuid) -> impl Iterator<Item = &Capture> {
        self.captures
            .values()
            .filter(move |capture| self.authorizations[&capture.original_id].payment() == payment)
    }

    pub(crate) fn captures_of_booking(&self, booking: Uuid) -> impl Iterator<Item = &Capture> {
        self.captures
            .values()
            .filter(move |capture| self.authorizations[&capture.original_id].booking() == booking)
    }

    /// Whether PayPal has yet to decide on an authorization or a capture of a payment.
    pub(crate) fn is_undecided(&self, payment: Uuid) -> bool {
        self.authorizations_of(payment)
            .any(Authorization::is_pending)
            || self.captures_of(payment).any(Capture::is_pending)
    }

    /// The ids of the authorizations, captures and refunds that PayPal reviews.
    pub(crate) fn undecided(&self) -> Vec<String> {
        let authorizations = self.authorizations.values().filter(|it| it.is_pending());
        let captures = self.captures.values().filter(|it| it.is_pending());
        let refunds = self.refunds.values().filter(|it| it.status == "PENDING");
        authorizations
            .map(|it| it.id.clone())
            .chain(captures.map(|it| it.id.clone()))
            .chain(refunds.map(|it| it.id.clone()))
            .collect()
    }

    /// The end of a review of [`Self::undecided`].
    pub(crate) fn end_of_review(&self, id: &str, is_good: bool) -> PaymentStatus {
        match (self.authorizations.contains_key(id), is_good) {
            (true, true) => PaymentStatus::Created,
            (true, false) => PaymentStatus::Denied,
            (false, true) => PaymentStatus::Completed,
            (false, false) if self.captures.contains_key(id) => PaymentStatus::Declined,
            (false, false) => PaymentStatus::Failed,
        }
    }

    pub(crate) fn open_disputes(&self) -> Vec<String> {
        let open = self.disputes.iter().filter(|(_, it)| it.outcome.is_none());
        open.map(|(id, _)| id.clone()).collect()
    }

    /// The next decision of PayPal that is planned.
    pub(crate) fn next_decision(&self, now: Timestamp) -> Option<Timestamp> {
        let authorizations = self.authorizations.values().map(|it| &it.course);
        let captures = self.captures.values().map(|it| &it.course);
        let refunds = self.refunds.values().map(|it| &it.course);
        authorizations
            .chain(captures)
            .chain(refunds)
            .filter_map(|course| course.as_ref()?.decision.as_ref())
            .map(|decision| decision.at)
            .filter(|at| *at > now)
            .min()
    }

    pub(crate) fn refunds_of(&self, capture: &str) -> impl Iterator<Item = &Refund> {
        self.refunds
            .values()
            .filter(move |refund| refund.capture_id == capture)
    }

    /// The money of a payment that PayPal holds, or whose capture it reviews.
    pub(crate) fn held(&self, payment: Uuid) -> Decimal {
        let authorizations = self.authorizations_of(payment);
        let held: Decimal = authorizations
            .filter(|it| !it.is_pending())
            .map(|it| it.held)
            .sum();
        let reviewed: Decimal = self
            .captures_of(payment)
            .filter(|it| it.is_pending())
            .map(|it| it.amount.amount)
            .sum();
        held + reviewed
    }

    /// The sums of a booking in PayPal's books.
    pub(crate) fn sums_of(&self, booking: Uuid) -> Sums {
        let authorizations = self.authorizations.values();
        let held: Decimal = authorizations
            .filter(|it| it.booking() == booking && !it.is_pending())
            .map(|it| it.held)
            .sum();
        let mut sums = Sums {
            held,
            ..Sums::default()
        };
        for capture in self.captures_of_booking(booking) {
            if capture.is_pending() {
                sums.held += capture.amount.amount;
            }
            sums.captured += capture.taken;
            sums.refunded += capture.given_back;
        }
        sums
    }
}

/// The sums of a booking's money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Authorized and neither captured nor released, or captured and under review.
    pub(crate) held: Decimal,
    pub(crate) captured: Decimal,
    pub(crate) refunded: Decimal,
}
