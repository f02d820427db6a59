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
pub(crate) use days::Reading;
pub(crate) use settled::{Change, Entry, settled};

use crate::{books::Books, ledger::Ledger, world::Origin};
use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use std::{collections::BTreeSet, fmt::Display};
use uuid::Uuid;

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
            .extend(money::confirmed(&self.books, &self.ledger));
    }

    /// PayPal's ledger after a request.
    pub(crate) fn see_ledger(&mut self, ledger: Ledger, now: Timestamp) {
        self.ledger = ledger;
        self.violations
            .extend(money::captures(&self.books, &self.ledger, now));
    }

    /// Redis holds a new generation of this car's days.
    pub(crate) fn see_generation(&mut self, car: Uuid) {
        self.days.announce(car, &self.books);
    }

    /// Somebody is about to ask for the days of `car`.
    pub(crate) fn begin_reading(&self, car: Uuid) -> Reading {
        self.days.begin_reading(car)
    }

    /// What they were answered.
    pub(crate) fn end_reading(
        &mut self,
        reading: &Reading,
        answer: &serde_json::Value,
        now: Timestamp,
    ) {
        let found = reading.judge(answer, &self.books, now);
        self.violations.extend(found);
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
