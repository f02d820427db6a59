//! What must hold: some of it after every step, the rest once everything has come to rest.
//!
//! The rules are written down here a second time, in words of their own. They know our tables and PayPal's ledger, not the
//! code between them.

mod answers;
mod bookings;
mod days;
mod leases;
mod money;
mod payments;
mod settled;

pub(crate) use answers::Told;
pub(crate) use days::{Reading, Scope};
pub(crate) use settled::{Change, Entry, settled};

use crate::{books::Books, ledger::Ledger, world::Origin};
use bytes::Bytes;
use http::Request;
use jiff::{Timestamp, civil::Date};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Display};

/// What is known at this moment, and what was found wrong.
#[derive(Default)]
pub(crate) struct Checks {
    pub(crate) books: Books,
    pub(crate) ledger: Ledger,
    pub(crate) told: Vec<Told>,
    leases: leases::Leases,
    days: days::Days,
    /// Tasks that were given an answer that no upstream gives.
    puzzled: BTreeSet<u64>,
    /// Refunds that were made, and authorizations that were voided, at PayPal's dashboard.
    outside: BTreeSet<String>,
    violations: Vec<String>,
}

impl Checks {
    /// What was found wrong so far.
    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Something is wrong.
    pub(crate) fn violated(&mut self, what: impl Display) {
        self.violations.push(what.to_string());
    }

    /// The product asks PayPal for something.
    pub(crate) fn asks_paypal(&mut self, from: &Origin, request: &Request<Bytes>, now: Timestamp) {
        let found = self.leases.asks_paypal(from, request, &self.books, now);
        self.violations.extend(found);
    }

    /// Our tables after a call by `origin`.
    pub(crate) fn see_books(&mut self, books: Books, origin: &Origin) {
        self.leases.see(&self.books, &books, origin);
        self.books = books;
        self.violations.extend(bookings::overlap(&self.books));
        self.violations
            .extend(money::confirmed(&self.books, &self.ledger, &self.outside));
    }

    /// PayPal's ledger after a request.
    pub(crate) fn see_ledger(&mut self, ledger: Ledger, now: Timestamp) {
        self.ledger = ledger;
        self.violations
            .extend(money::captures(&self.books, &self.ledger, now));
    }

    /// Redis holds a new generation.
    pub(crate) fn see_generation(&mut self, scope: Scope) {
        self.days.announce(scope, &self.books);
    }

    /// Somebody is about to ask for a car's days, or for the cars that are free.
    pub(crate) fn begin_reading(&self, scope: Scope) -> Reading {
        self.days.begin_reading(scope)
    }

    /// What they were told of a car's days.
    pub(crate) fn end_reading_days(&mut self, reading: &Reading, answer: &Value, now: Timestamp) {
        let found = reading.judge_days(answer, &self.books, now);
        self.violations.extend(found);
    }

    /// What they were told of the cars that are free on these days.
    pub(crate) fn end_reading_list(
        &mut self,
        reading: &Reading,
        answer: &Value,
        days: (Date, Date),
        now: Timestamp,
    ) {
        let found = reading.judge_list(answer, days, &self.books, now);
        self.violations.extend(found);
    }

    /// A refund was made, or an authorization voided, that we did not ask for.
    pub(crate) fn see_outsider(&mut self, id: &str) {
        self.outside.insert(id.to_owned());
    }

    /// A task was given an answer that makes no sense.
    pub(crate) fn puzzle(&mut self, task: u64) {
        self.puzzled.insert(task);
    }

    /// The product answered.
    pub(crate) fn answered(&mut self, by: &Origin, status: u16) {
        if status == 500 && !self.puzzled.contains(&by.number) {
            self.violated(format!(
                "{} was answered 500, and no upstream gave it a reason to",
                by.name
            ));
        }
    }
}
