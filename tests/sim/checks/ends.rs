//! Checks the ends of the ways out: every booking is paid, or holds nothing.

use crate::{books::Books, ledger::Ledger};
use rust_decimal::Decimal;

pub(super) fn violations(books: &Books, ledger: &Ledger) -> Vec<String> {
    let mut violations = Vec::new();
    for booking in books.bookings.values() {
        let sums = ledger.sums_of(booking.id);
        let kept = sums.captured - sums.refunded;
        let is_settled = if booking.is_confirmed() {
            // An operator has accepted what a finding says.
            kept > Decimal::ZERO || has_finding(books, booking.id)
        } else {
            sums.held.is_zero() || has_finding(books, booking.id)
        };
        if !is_settled {
            violations.push(format!(
                "the way out of {} ends with {}, {sums:?}",
                booking.id, booking.status
            ));
        }
    }
    for payment in books.payments.values() {
        if matches!(
            payment.status.as_str(),
            "authorization_pending" | "authorized" | "capturing" | "capture_pending"
        ) {
            violations.push(format!(
                "the way out of {} ends with {} being {}",
                payment.booking_id, payment.id, payment.status
            ));
        }
    }
    for finding in &books.findings {
        if finding.acknowledged_at.is_none() {
            violations.push(format!(
                "{} has the finding {} at the end of all ways",
                finding.payment_id, finding.kind
            ));
        }
    }
    violations
}

fn has_finding(books: &Books, booking: uuid::Uuid) -> bool {
    books.findings.iter().any(|finding| {
        books
            .payments
            .get(&finding.payment_id)
            .is_some_and(|payment| payment.booking_id == booking)
    })
}
