//! Checks that customers and operators are shown what happened at PayPal.
//!
//! The product may be late, but it must not invent or forget. A capture or refund that it shows is
//! one of PayPal's. Held money is true now, or was true since it was shown the last time. At the
//! end of a run, all amounts must be true.

use super::ConsoleChanges;
use crate::{
    books::{Books, Payment},
    ledger::{Ledger, Sums},
};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The held money of each payment over the run.
#[derive(Default)]
pub(super) struct Shown(BTreeMap<Uuid, Course>);

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
        for payment in books.payments.keys() {
            let course = self.0.entry(*payment).or_default();
            course.record(ledger.held(*payment));
        }
    }

    /// Money that the product shows, and that PayPal does not have and never had.
    pub(super) fn violation(
        &mut self,
        books: &Books,
        ledger: &Ledger,
        console: &ConsoleChanges,
    ) -> Option<String> {
        self.wrong_hold(books, ledger, console)
            .or_else(|| invented_capture(books, ledger))
            .or_else(|| invented_refund(books, ledger))
    }

    fn wrong_hold(
        &mut self,
        books: &Books,
        ledger: &Ledger,
        console: &ConsoleChanges,
    ) -> Option<String> {
        // A capture in the console may be final or not, which the product learns only later.
        let is_sure = |payment: &Payment| {
            let mut captures = ledger.captures_of(payment.id);
            !captures.any(|it| console.contains(&it.id))
        };
        let payments = books.payments.values().filter(|it| is_sure(it));
        for payment in payments {
            let course = self.0.entry(payment.id).or_default();
            let amount = books.shown_as_held(payment);
            if !course.accepts(amount) {
                return Some(format!(
                    "{} of {} is shown with {amount} held, and PayPal held {:?}",
                    payment.id,
                    payment.booking_id,
                    &course.truths[course.shown..]
                ));
            }
        }
        None
    }
}

/// A recorded capture that PayPal did not make.
fn invented_capture(books: &Books, ledger: &Ledger) -> Option<String> {
    books.captures.iter().find_map(|(id, recorded)| {
        let is_made = ledger.captures.get(id).is_some_and(|capture| {
            capture.amount.amount == recorded.amount
                && (recorded.status != "completed" || capture.is_completed())
        });
        (!is_made).then(|| {
            format!(
                "{id} is shown as {} with {}, and PayPal has {:?}",
                recorded.status,
                recorded.amount,
                ledger
                    .captures
                    .get(id)
                    .map(|it| (it.taken, it.amount.amount))
            )
        })
    })
}

/// A capture of which the product shows more refunded than PayPal gave back.
fn invented_refund(books: &Books, ledger: &Ledger) -> Option<String> {
    ledger.captures.values().find_map(|capture| {
        let refunds = books.refunds.values();
        let refunded: Decimal = refunds
            .filter(|it| it.capture_id == capture.id && it.status == "refunded")
            .map(|it| it.amount)
            .sum();
        (refunded > capture.given_back).then(|| {
            format!(
                "{} is shown with {refunded} refunded, and PayPal gave back {}",
                capture.id, capture.given_back
            )
        })
    })
}

/// The amounts in a response, if they are not exactly PayPal's.
pub(super) fn difference(booking: Uuid, shown: &Sums, ledger: &Ledger) -> Option<String> {
    let truth = ledger.sums_of(booking);
    (*shown != truth).then(|| format!("{booking} is shown as {shown:?}, and PayPal has {truth:?}"))
}
