//! The invariants of the product. Some are checked after every event, the others when all work is
//! done.
//!
//! The checks state the product's rules a second time. They read its tables and PayPal's ledger,
//! but share no code with the product.

mod bookings;
mod claims;
mod days;
mod final_state;
mod money;
mod payments;
mod promises;

pub(crate) use days::{Scope, Snapshot};
pub(crate) use final_state::{InboxEntry, StatusChange, check_final_state};
pub(crate) use promises::Promise;

use crate::{books::Books, ledger::Ledger, world::Origin};
use bytes::Bytes;
use http::Request;
use jiff::{Timestamp, civil::Date};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Display};

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
    /// The ids of refunds and voided authorizations from PayPal's dashboard.
    dashboard_changes: BTreeSet<String>,
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

    /// Checks the tables after a call by `origin`.
    ///
    /// `is_known` says whether the caller learns of the effect.
    pub(crate) fn record_books(&mut self, books: Books, origin: &Origin, is_known: bool) {
        self.claims.update(&self.books, &books, origin);
        if is_known {
            self.unannounced.record(&self.books, &books, origin);
        }
        self.books = books;
        self.violations.extend(bookings::overlap(&self.books));
        self.violations.extend(money::unpaid_booking(
            &self.books,
            &self.ledger,
            &self.dashboard_changes,
        ));
    }

    /// Checks PayPal's ledger after a request.
    pub(crate) fn record_ledger(&mut self, ledger: Ledger, now: Timestamp) {
        self.ledger = ledger;
        self.violations
            .extend(money::overcharge(&self.books, &self.ledger, now));
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

    /// Records a refund or a voided authorization by the dashboard.
    pub(crate) fn record_dashboard_change(&mut self, id: &str) {
        self.dashboard_changes.insert(id.to_owned());
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
