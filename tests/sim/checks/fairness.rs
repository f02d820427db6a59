//! Checks that nothing that fails stands in the way of what does not.
//!
//! After some crons that met no fault, every due capture has been tried, and every payment that may
//! still move has been compared, unless PayPal cannot show it.

use crate::{
    books::{Books, Moment, Payment},
    ledger::Ledger,
};
use jiff::{SignedDuration, Timestamp};

pub(super) fn violations(books: &Books, ledger: &Ledger, begin: Timestamp) -> Vec<String> {
    let payments = books.payments.values();
    payments
        .filter_map(|payment| {
            late_capture(payment, books, ledger, begin).or_else(|| late_comparison(payment, begin))
        })
        .collect()
}

/// A payment of a confirmed booking that was due before `begin` and has not been tried since.
fn late_capture(
    payment: &Payment,
    books: &Books,
    ledger: &Ledger,
    begin: Timestamp,
) -> Option<String> {
    let booking = &books.bookings[&payment.booking_id];
    let is_due = booking.is_confirmed()
        && payment.void_reason.is_none()
        && payment.status == "authorized"
        && booking
            .payment_capture_scheduled_at
            .is_some_and(|at| at < begin)
        && match payment.next_attempt_at {
            Moment::AtOnce => true,
            Moment::At(at) => at < begin,
            Moment::Never => false,
        };
    let mut authorizations = ledger.authorizations_of(payment.id);
    let is_possible = authorizations.any(|it| it.reserves_money() && !it.is_pending());
    (is_due && is_possible && payment.updated_at < begin)
        .then(|| format!("{} was due before {begin} and was not captured", payment.id))
}

/// A payment with an authorization that was not compared within its lane: an hour while it may
/// still move or has just changed, later a day, then a week until PayPal refunds nothing more.
fn late_comparison(payment: &Payment, begin: Timestamp) -> Option<String> {
    let is_live = matches!(
        payment.status.as_str(),
        "authorization_pending" | "authorized" | "capturing" | "capture_pending"
    );
    let age = begin.duration_since(payment.updated_at);
    let lane = if is_live || age < SignedDuration::from_hours(2 * 24) {
        SignedDuration::from_hours(1)
    } else if age < SignedDuration::from_hours(30 * 24) {
        SignedDuration::from_hours(24)
    } else if age < SignedDuration::from_hours(180 * 24) {
        SignedDuration::from_hours(7 * 24)
    } else {
        return None;
    };
    payment.authorization_id.as_ref()?;
    let is_late = payment.reconciled_at.is_none_or(|at| at + lane < begin);
    (is_late && payment.comparison_failures == 0).then(|| {
        format!(
            "{} is {} and was not compared since {:?}",
            payment.id, payment.status, payment.reconciled_at
        )
    })
}
