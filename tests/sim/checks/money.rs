//! Compares the money at PayPal with the bookings after each event.

use crate::{
    books::Books,
    ledger::{CaptureStatus, Ledger},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// A booking with two captures, or with captures above its price.
pub(super) fn overcharge(books: &Books, ledger: &Ledger, now: Timestamp) -> Option<String> {
    let mut totals: BTreeMap<_, (u32, Decimal)> = BTreeMap::new();
    let captures = ledger.captures.values();
    for capture in captures.filter(|capture| capture.status_at(now) != CaptureStatus::Declined) {
        let booking = ledger.authorizations[&capture.original_id].booking();
        let (count, sum) = totals.entry(booking).or_default();
        *count += 1;
        *sum += capture.amount.amount;
    }
    totals.into_iter().find_map(|(booking, (count, sum))| {
        let price = books.bookings[&booking].final_price;
        (count > 1 || sum > price).then(|| {
            format!("{booking} costs {price}, and PayPal captured {sum} in {count} captures")
        })
    })
}

/// A confirmed booking without an authorization or capture of exactly its price.
pub(super) fn unpaid_booking(
    books: &Books,
    ledger: &Ledger,
    dashboard_changes: &BTreeSet<String>,
) -> Option<String> {
    books
        .bookings
        .values()
        .filter(|booking| booking.is_confirmed())
        .find_map(|booking| {
            let is_paid = books
                .payments_of(booking.id)
                .filter(|payment| payment.is_live())
                .flat_map(|payment| ledger.authorizations_of(payment.id))
                .any(|authorization| {
                    // The product learns of a void at the dashboard only later.
                    (!authorization.voided || dashboard_changes.contains(&authorization.id))
                        && !authorization.is_denied()
                        && authorization.amount.amount == booking.final_price
                        && authorization.amount.currency == booking.currency
                });
            // PayPal may refuse a payment for good or release it by itself. The books then have a
            // failure code, and an operator decides.
            let is_refused = || {
                books
                    .payments_of(booking.id)
                    .any(|payment| !payment.is_live() && payment.failure_code.is_some())
            };
            (!is_paid && !is_refused()).then(|| {
                format!(
                    "{} is {}, and PayPal does not reserve {} {} for it",
                    booking.id, booking.status, booking.final_price, booking.currency
                )
            })
        })
}
