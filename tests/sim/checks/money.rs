//! Money, as PayPal has it, against what we say.

use crate::{
    books::Books,
    ledger::{Ledger, Standing},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// A booking whose customer was charged twice, or too much.
pub(super) fn captures(books: &Books, ledger: &Ledger, now: Timestamp) -> Option<String> {
    let mut taken: BTreeMap<_, (u32, Decimal)> = BTreeMap::new();
    let captures = ledger.captures.values();
    for capture in captures.filter(|capture| capture.standing(now) != Standing::Declined) {
        let booking = ledger.authorizations[&capture.original_id].booking();
        let (count, sum) = taken.entry(booking).or_default();
        *count += 1;
        *sum += capture.amount.amount;
    }
    taken.into_iter().find_map(|(booking, (count, sum))| {
        let price = books.bookings[&booking].final_price;
        (count > 1 || sum > price).then(|| {
            format!("{booking} costs {price}, and {sum} was taken for it in {count} captures")
        })
    })
}

/// A confirmed booking for which PayPal does not hold, or did not take, exactly its price.
pub(super) fn confirmed(
    books: &Books,
    ledger: &Ledger,
    outside: &BTreeSet<String>,
) -> Option<String> {
    books
        .bookings
        .values()
        .filter(|booking| booking.is_confirmed())
        .find_map(|booking| {
            let is_paid = books
                .payments_of(booking.id)
                .filter(|payment| payment.stands())
                .flat_map(|payment| ledger.authorizations_of(payment.id))
                .any(|authorization| {
                    // What was voided at the dashboard we have yet to hear of.
                    (!authorization.voided || outside.contains(&authorization.id))
                        && !authorization.is_denied()
                        && authorization.amount.amount == booking.final_price
                        && authorization.amount.currency == booking.currency
                });
            // What PayPal refused for good, or gave back by itself, is an operator's matter, and on record.
            let is_refused = || {
                books
                    .payments_of(booking.id)
                    .any(|payment| !payment.stands() && payment.failure_code.is_some())
            };
            (!is_paid && !is_refused()).then(|| {
                format!(
                    "{} is {}, and PayPal does not hold {} {} for it",
                    booking.id, booking.status, booking.final_price, booking.currency
                )
            })
        })
}
