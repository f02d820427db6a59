//! Checks that every open finding is true when all work is done, and that every reason for one has
//! one.

use crate::{
    books::{Books, Payment},
    ledger::{Capture, Ledger},
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

const REFUND_PERIOD: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The facts about one payment that findings are about.
struct Facts<'a> {
    payment: &'a Payment,
    books: &'a Books,
    ledger: &'a Ledger,
    now: Timestamp,
}

/// A finding that is there without its reason, and a reason without its finding.
pub(super) fn violations(books: &Books, ledger: &Ledger, now: Timestamp) -> Vec<String> {
    let mut violations = Vec::new();
    for payment in books.payments.values() {
        let facts = Facts {
            payment,
            books,
            ledger,
            now,
        };
        let has = |kind: &str| {
            let mut findings = books.findings.iter();
            findings.any(|it| it.payment_id == payment.id && it.kind == kind)
        };
        for (kind, is_true) in facts.reasons() {
            // The product does not know how much went back.
            let is_unknown = has("not_comparable") || has("amount_mismatch");
            if is_true && !has(kind) && !is_unknown {
                violations.push(format!(
                    "{} of {} is {}, and no finding says {kind}",
                    payment.id, payment.booking_id, payment.status
                ));
            }
            if !is_true && has(kind) {
                violations.push(format!(
                    "{} of {} is {}, and a finding says {kind}",
                    payment.id, payment.booking_id, payment.status
                ));
            }
        }
    }
    violations
}

impl Facts<'_> {
    /// The kinds of findings whose reason the books show, and whether it is there.
    fn reasons(&self) -> [(&'static str, bool); 8] {
        let booking = &self.books.bookings[&self.payment.booking_id];
        let is_confirmed = booking.is_confirmed();
        let payment = self.payment;
        let captures: Vec<&Capture> = self.ledger.captures_of(payment.id).collect();
        let taken: Decimal = captures.iter().map(|it| it.taken).sum();
        let given_back: Decimal = captures.iter().map(|it| it.given_back).sum();
        let refunded_by_us: Decimal = self
            .books
            .refunds_of(payment.id)
            .filter(|refund| refund.status == "refunded" && refund.actor != "paypal")
            .map(|refund| refund.amount)
            .sum();
        let has_ended = matches!(
            payment.status.as_str(),
            "created" | "voided" | "failed" | "expired"
        );
        let owed = payment.capture_amount.unwrap_or(payment.amount);
        let is_pending_authorization = self
            .ledger
            .authorizations_of(payment.id)
            .any(|it| it.is_pending() && it.held > Decimal::ZERO);
        let is_refund_late = self.books.refunds_of(payment.id).any(|refund| {
            let since = refund.pending_since.unwrap_or(self.now);
            refund.status == "pending" && self.now.duration_since(since) > REFUND_PERIOD
        });
        let is_disputed = self.ledger.disputes.values().any(|dispute| {
            dispute.outcome.is_none() && captures.iter().any(|it| it.id == dispute.capture_id)
        });
        let count = captures.iter().filter(|it| it.is_completed()).count();
        [
            (
                "unpaid_booking",
                is_confirmed && self.is_shown() && has_ended && taken.is_zero(),
            ),
            (
                "money_returned",
                is_confirmed
                    && self.is_shown()
                    && given_back > refunded_by_us
                    && taken - given_back < owed,
            ),
            (
                "authorization_pending",
                is_pending_authorization
                    && payment.void_reason.is_none()
                    && booking.status != "cancelled",
            ),
            ("capture_pending", captures.iter().any(|it| it.is_pending())),
            ("refund_pending", is_refund_late),
            ("disputed", is_disputed),
            ("captured_twice", count > 1 && taken - given_back > owed),
            ("refund_missing", given_back < payment.refunded_amount),
        ]
    }

    /// Whether this is the payment that the booking shows.
    fn is_shown(&self) -> bool {
        let payments = self.books.payments_of(self.payment.booking_id);
        let rank = |payment: &Payment| {
            let may_hold = payment.void_reason.is_none()
                && payment.status == "failed"
                && payment.authorization_id.is_some();
            (
                payment.has_money(),
                may_hold,
                payment.void_reason.is_none(),
                payment.created_at,
                std::cmp::Reverse(payment.id),
            )
        };
        let latest = payments.max_by_key(|payment| rank(payment));
        latest.is_some_and(|latest| latest.id == self.payment.id)
    }
}
