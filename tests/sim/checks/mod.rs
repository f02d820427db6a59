//! The invariants of the product. Some are checked after every event, the others when all work is
//! done.
//!
//! The checks state the product's rules a second time. They read its tables and PayPal's ledger,
//! but share no code with the product.

mod bookings;
mod claims;
mod days;
mod ends;
mod fairness;
mod final_state;
mod findings;
mod holds;
mod money;
mod payments;
mod promises;
mod shown;

pub(crate) use days::{Scope, Snapshot};
pub(crate) use final_state::{InboxEntry, StatusChange, check_final_state};
pub(crate) use promises::Promise;

use crate::{
    books::Books,
    ledger::{Ledger, Sums},
    world::Origin,
};
use bytes::Bytes;
use http::Request;
use jiff::{Timestamp, civil::Date};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Display};
use uuid::Uuid;

/// The ids of captures, refunds and voided authorizations from PayPal's console, and of captures
/// that PayPal reversed.
type ConsoleChanges = BTreeSet<String>;

#[derive(Default)]
pub(crate) struct Checks {
    pub(crate) books: Books,
    pub(crate) ledger: Ledger,
    pub(crate) promises: Vec<Promise>,
    claims: claims::Claims,
    announcements: days::Announcements,
    unannounced: days::Unannounced,
    /// The numbers of the tasks that received a garbled response.
    garbled_tasks: BTreeSet<u64>,
    shown: shown::Shown,
    holds: holds::Holds,
    console_changes: ConsoleChanges,
    violations: Vec<String>,
}

impl Checks {
    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Adds a violation.
    pub(crate) fn report(&mut self, violation: impl Display) {
        self.violations.push(violation.to_string());
    }

    /// Checks a request to PayPal.
    pub(crate) fn check_paypal_request(
        &mut self,
        from: &Origin,
        request: &Request<Bytes>,
        now: Timestamp,
    ) {
        let violation = self
            .claims
            .request_violation(from, request, &self.books, now);
        self.violations.extend(violation);
    }

    /// Checks the tables after a call by `origin`. `paypal` are PayPal's books at that moment.
    ///
    /// `is_known` says whether the caller learns of the effect.
    pub(crate) fn record_books(
        &mut self,
        books: Books,
        paypal: &exodrive_local::paypal::Books,
        origin: &Origin,
        is_known: bool,
        now: Timestamp,
    ) {
        self.claims.update(&self.books, &books, origin);
        if is_known {
            self.unannounced.record(&self.books, &books, origin);
        }
        self.books = books;
        self.ledger.update(paypal);
        self.violations.extend(bookings::overlap(&self.books));
        let (books, ledger) = (&self.books, &self.ledger);
        self.violations
            .extend(money::unpaid_booking(books, ledger, &self.console_changes));
        self.violations.extend(money::foreign_order(books, ledger));
        self.violations.extend(money::wrong_failure(books));
        self.violations
            .extend(self.holds.record(books, ledger, now));
        self.shown.record_truth(books, ledger);
        self.violations
            .extend(self.shown.violation(books, ledger, &self.console_changes));
    }

    /// Checks PayPal's ledger after a request or an action in its console.
    pub(crate) fn record_ledger(&mut self, ledger: Ledger) {
        self.ledger = ledger;
        self.shown.record_truth(&self.books, &self.ledger);
        self.violations.extend(money::overcharge(
            &self.books,
            &self.ledger,
            &self.console_changes,
        ));
    }

    /// Checks that the amounts of a booking in a response are exactly PayPal's.
    pub(crate) fn check_shown_at_end(&mut self, booking: Uuid, payment: &Value) {
        let sums = if payment.is_object() {
            sums_of_response(payment)
        } else {
            Sums::default()
        };
        let is_explained = self.books.payments_of(booking).any(|payment| {
            let mut findings = self.books.findings.iter();
            findings.any(|it| it.payment_id == payment.id && payments::explains(&it.kind))
        });
        if !is_explained {
            self.violations
                .extend(shown::difference(booking, &sums, &self.ledger));
        }
    }

    /// Checks that nothing that fails stood in the way of captures and comparisons since `begin`.
    pub(crate) fn check_fairness(&mut self, begin: Timestamp) {
        let violations = fairness::violations(&self.books, &self.ledger, begin);
        self.violations.extend(violations);
    }

    /// Checks that every booking is paid, or holds nothing.
    pub(crate) fn check_ends(&mut self) {
        let violations = ends::violations(&self.books, &self.ledger);
        self.violations.extend(violations);
    }

    /// Records that Redis has stored a new generation.
    pub(crate) fn record_generation(&mut self, scope: Scope) {
        self.announcements.announce(scope, &self.books);
        self.unannounced.announce(scope);
    }

    /// Records the end of an instance.
    pub(crate) fn record_crash(&mut self, instance: usize) {
        self.unannounced.forget(instance);
    }

    /// The announcements so far. Take it before a request for a car's days or the list of free
    /// cars.
    pub(crate) fn snapshot(&self, scope: Scope) -> Snapshot {
        self.announcements.snapshot(scope)
    }

    /// Checks a response with a car's days.
    pub(crate) fn check_days(&mut self, snapshot: &Snapshot, body: &Value, now: Timestamp) {
        let violation = snapshot.days_violation(body, &self.books, now);
        self.violations.extend(violation);
    }

    /// Checks a response with the cars that are free on these days.
    pub(crate) fn check_list(
        &mut self,
        snapshot: &Snapshot,
        body: &Value,
        days: (Date, Date),
        now: Timestamp,
    ) {
        let violation = snapshot.list_violation(body, days, &self.books, now);
        self.violations.extend(violation);
    }

    /// Records a change in PayPal's console.
    pub(crate) fn record_console_change(&mut self, id: &str) {
        self.console_changes.insert(id.to_owned());
    }

    /// Records that the task has received a garbled response.
    pub(crate) fn mark_garbled(&mut self, task: u64) {
        self.garbled_tasks.insert(task);
    }

    /// Checks a response of the product. It may be a 500 only after a garbled response.
    pub(crate) fn check_response(&mut self, origin: &Origin, status: u16) {
        if status == 500 && !self.garbled_tasks.contains(&origin.number) {
            self.report(format!(
                "{} returned 500, although no upstream sent a garbled response",
                origin.name
            ));
        }
    }
}

/// The amounts of `payment` in the response of `GET /api/bookings/{id}`.
fn sums_of_response(payment: &Value) -> Sums {
    let amount = |member: &str| payment[member].as_str().unwrap().parse().unwrap();
    Sums {
        held: amount("heldAmount"),
        captured: amount("capturedAmount"),
        refunded: amount("refundedAmount"),
    }
}
