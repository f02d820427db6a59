//! What customers were told, which must be so.

use crate::{
    books::{Booking, Books},
    ledger::{Ledger, Standing},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Something that a customer was told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// The car is held at this price.
    Held { booking: Uuid, price: Decimal },
    /// PayPal was told that an event is taken.
    Heard { event: String },
    /// The booking is paid.
    Upcoming { booking: Uuid },
    /// The booking is cancelled, and so much of its price is given back.
    Cancelled { booking: Uuid, back: Decimal },
}

/// Something a customer was told that is not so.
pub(super) fn untrue(
    told: &Told,
    books: &Books,
    ledger: &Ledger,
    outside: &BTreeSet<String>,
    now: Timestamp,
) -> Option<String> {
    let is_true = |booking: Uuid, holds: &dyn Fn(&Booking) -> bool| {
        books.bookings.get(&booking).is_some_and(holds)
    };
    match told {
        Told::Held { booking, price } => (!is_true(*booking, &|it| it.final_price == *price))
            .then(|| format!("a customer was told that {booking} is held for {price}")),
        Told::Upcoming { booking } => (!is_true(*booking, &|it| {
            it.is_confirmed() || it.status == "cancelled"
        }))
        .then(|| format!("a customer was told that {booking} is paid")),
        Told::Heard { .. } => None,
        Told::Cancelled { booking, back } => (!is_true(*booking, &|it| it.status == "cancelled"))
            .then(|| format!("a customer was told that {booking} is cancelled"))
            .or_else(|| paid_otherwise(*booking, *back, books, ledger, outside, now)),
    }
}

/// A cancelled booking for which its customer paid more than they were told, or less without a reason.
fn paid_otherwise(
    booking: Uuid,
    back: Decimal,
    books: &Books,
    ledger: &Ledger,
    outside: &BTreeSet<String>,
    now: Timestamp,
) -> Option<String> {
    let captures: Vec<_> = ledger
        .captures
        .values()
        .filter(|capture| ledger.authorizations[&capture.original_id].booking() == booking)
        .filter(|capture| capture.standing(now) == Standing::Taken)
        .collect();
    let paid: Decimal = captures
        .iter()
        .map(|capture| capture.amount.amount - ledger.refunded(&capture.id))
        .sum();
    let refunds: Vec<_> = books
        .payments_of(booking)
        .flat_map(|payment| books.refunds_of(payment.id))
        .collect();
    let kept = books.bookings[&booking].final_price - back;
    // What could not be given back (yet) is on record, and so is what an operator gave besides.
    let owed: Decimal = refunds
        .iter()
        .filter(|refund| refund.status != "refunded")
        .map(|refund| refund.amount)
        .sum();
    let given: Decimal = refunds
        .iter()
        .filter(|refund| refund.status == "refunded")
        .filter(|refund| refund.idempotency_key.starts_with("operator"))
        .map(|refund| refund.amount)
        .sum();
    let given = given
        + captures
            .iter()
            .flat_map(|capture| ledger.refunds_of(&capture.id))
            .filter(|refund| outside.contains(&refund.id))
            .map(|refund| refund.amount.amount)
            .sum::<Decimal>();
    let is_right = paid <= kept + owed && (captures.is_empty() || paid >= kept - given);
    (!is_right).then(|| {
        format!(
            "a customer was told that {back} of {booking} comes back, and paid {paid} \
             (kept {kept}, still owed {owed}, given besides {given})"
        )
    })
}
