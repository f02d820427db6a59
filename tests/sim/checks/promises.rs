//! Checks that the final state keeps the promises that successful responses made.

use super::ConsoleChanges;
use crate::{
    books::{Booking, Books},
    ledger::Ledger,
};
use rust_decimal::Decimal;
use uuid::Uuid;

#[derive(Clone, Debug)]
pub(crate) enum Promise {
    /// The car is on hold at this price.
    Hold { booking: Uuid, price: Decimal },
    /// The product has stored PayPal's event.
    Event { event: String },
    /// The booking is paid.
    Payment { booking: Uuid },
    /// The booking is canceled, and `refund` of its price goes back.
    Cancellation { booking: Uuid, refund: Decimal },
}

/// A promise that the final state does not keep.
pub(super) fn broken_promise(
    promise: &Promise,
    books: &Books,
    ledger: &Ledger,
    console: &ConsoleChanges,
) -> Option<String> {
    let is_kept = |booking: Uuid, condition: &dyn Fn(&Booking) -> bool| {
        books.bookings.get(&booking).is_some_and(condition)
    };
    match promise {
        Promise::Hold { booking, price } => (!is_kept(*booking, &|it| it.final_price == *price))
            .then(|| format!("the product promised a hold of {booking} for {price}")),
        Promise::Payment { booking } => (!is_kept(*booking, &|it| {
            it.is_confirmed() || it.status == "cancelled"
        }))
        .then(|| format!("the product promised that {booking} is paid")),
        // The final check compares events with the inbox.
        Promise::Event { .. } => None,
        Promise::Cancellation { booking, refund } => {
            (!is_kept(*booking, &|it| it.status == "cancelled"))
                .then(|| format!("the product promised that {booking} is canceled"))
                .or_else(|| wrong_total(*booking, *refund, books, ledger, console))
        }
    }
}

/// A canceled booking whose customer paid more than promised, or less without a reason.
fn wrong_total(
    booking: Uuid,
    promised: Decimal,
    books: &Books,
    ledger: &Ledger,
    console: &ConsoleChanges,
) -> Option<String> {
    let captures: Vec<_> = ledger
        .captures_of_booking(booking)
        .filter(|capture| capture.is_completed())
        .collect();
    let paid: Decimal = captures
        .iter()
        .map(|capture| capture.taken - capture.given_back)
        .sum();
    let refunds: Vec<_> = books
        .payments_of(booking)
        .flat_map(|payment| books.refunds_of(payment.id))
        .collect();
    let fee = books.bookings[&booking].final_price - promised;
    // The books record refunds that are open or refused, and extra refunds by operators.
    let owed: Decimal = refunds
        .iter()
        .filter(|refund| refund.status != "refunded")
        .map(|refund| refund.amount)
        .sum();
    let operator_refunds: Decimal = refunds
        .iter()
        .filter(|refund| refund.status == "refunded")
        .filter(|refund| refund.idempotency_key.starts_with("operator"))
        .map(|refund| refund.amount)
        .sum();
    let is_ours = |id: &str| {
        let ours = refunds.iter().filter(|refund| refund.actor != "paypal");
        ours.into_iter()
            .any(|refund| refund.paypal_refund_id.as_deref() == Some(id))
    };
    let extra = operator_refunds
        + captures
            .iter()
            .flat_map(|capture| ledger.refunds_of(&capture.id))
            .filter(|refund| refund.status == "COMPLETED" && !is_ours(&refund.id))
            .map(|refund| refund.amount.amount)
            .sum::<Decimal>()
        + captures
            .iter()
            .map(|capture| capture.reversed)
            .sum::<Decimal>();
    // A capture in PayPal's console may leave too little to capture.
    let is_by_console = captures.iter().any(|it| console.contains(&it.id));
    let is_right =
        paid <= fee + owed && (captures.is_empty() || is_by_console || paid >= fee - extra);
    (!is_right).then(|| {
        format!(
            "the product promised a refund of {promised} for {booking}, but its customer paid \
             {paid} (fee {fee}, still owed {owed}, extra refunds {extra})"
        )
    })
}
