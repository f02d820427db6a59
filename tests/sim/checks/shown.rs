//! Checks that customers and operators are shown what happened at PayPal.
//!
//! The product may be late, but it must not invent or forget. What it shows of a booking's money
//! must be true now, or have been true since the last time that it was shown, and at the end of a
//! run it must be true.

use crate::{
    books::Books,
    ledger::{Ledger, Sums},
};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

const NAMES: [&str; 3] = ["held", "captured", "refunded"];

const fn parts(sums: &Sums) -> [Decimal; 3] {
    [sums.held, sums.captured, sums.refunded]
}

/// The amounts of each booking at PayPal over the run.
#[derive(Default)]
pub(super) struct Shown(BTreeMap<Uuid, [Course; 3]>);

/// One amount of one booking.
struct Course {
    /// PayPal's amounts, oldest first. Neighbors differ.
    truths: Vec<Decimal>,
    /// The oldest truth that the product may still show.
    shown: usize,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            truths: vec![Decimal::ZERO],
            shown: 0,
        }
    }
}

impl Course {
    fn record(&mut self, truth: Decimal) {
        if self.truths.last() != Some(&truth) {
            self.truths.push(truth);
        }
    }

    /// Whether this amount is or was true. Later amounts must not be older.
    fn accepts(&mut self, amount: Decimal) -> bool {
        let place = self.truths[self.shown..]
            .iter()
            .position(|it| *it == amount);
        self.shown += place.unwrap_or_default();
        place.is_some()
    }
}

impl Shown {
    /// Records PayPal's present amounts.
    pub(super) fn record_truth(&mut self, books: &Books, ledger: &Ledger) {
        for booking in books.bookings.keys() {
            let courses = self.0.entry(*booking).or_default();
            for (course, truth) in courses.iter_mut().zip(parts(&ledger.sums_of(*booking))) {
                course.record(truth);
            }
        }
    }

    /// An amount that the product shows, and that PayPal does not have and never had.
    pub(super) fn violation(&mut self, books: &Books) -> Option<String> {
        books.bookings.keys().find_map(|booking| {
            let sums = books.shown_sums(*booking);
            self.untrue_part(*booking, &sums)
        })
    }

    /// Checks amounts that a response shows.
    pub(super) fn untrue_part(&mut self, booking: Uuid, sums: &Sums) -> Option<String> {
        let courses = self.0.entry(booking).or_default();
        let mut each = courses.iter_mut().zip(parts(sums)).zip(NAMES);
        each.find_map(|((course, amount), name)| {
            (!course.accepts(amount)).then(|| {
                format!(
                    "{booking} is shown with {amount} {name}, and PayPal has {:?}",
                    &course.truths[course.shown..]
                )
            })
        })
    }
}

/// The amounts that a response or the tables show, if they are not exactly PayPal's.
pub(super) fn difference(booking: Uuid, shown: &Sums, ledger: &Ledger) -> Option<String> {
    let truth = ledger.sums_of(booking);
    (*shown != truth).then(|| format!("{booking} is shown as {shown:?}, and PayPal has {truth:?}"))
}
