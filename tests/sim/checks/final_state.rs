//! Compares the product's tables with PayPal's ledger after all work is done.

use super::{Checks, Promise, payments, promises};
use crate::{
    books::Books,
    ledger::{Authorization, CaptureStatus, Ledger},
};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A change of a payment's status, from the audit log.
#[derive(Debug, Deserialize)]
pub(crate) struct StatusChange {
    payment: Uuid,
    from: String,
    to: String,
}

/// An event in the inbox.
#[derive(Debug, Deserialize)]
pub(crate) struct InboxEntry {
    event: String,
    status: String,
}

/// `changes` must be in the order of the audit log.
pub(crate) fn check_final_state(
    checks: &mut Checks,
    changes: &[StatusChange],
    inbox: &[InboxEntry],
    now: Timestamp,
) {
    let (books, ledger) = (&checks.books, &checks.ledger);
    let dashboard_changes = &checks.dashboard_changes;
    let mut violations = Vec::new();
    violations.extend(super::bookings::overlap(books));
    violations.extend(checks.unannounced.violation());
    violations.extend(super::money::overcharge(books, ledger, now));
    violations.extend(super::money::unpaid_booking(
        books,
        ledger,
        dashboard_changes,
    ));
    for authorization in ledger.authorizations.values() {
        violations.extend(orphaned_authorization(authorization, books, now));
        violations.extend(unknown_capture(authorization, books, ledger, now));
    }
    for payment in books.payments.values() {
        if let Some(mismatch) = payments::mismatch(payment, books, ledger, dashboard_changes, now) {
            violations.push(format!(
                "{} is {} (void: {:?}, failure: {:?}): {mismatch}",
                payment.id, payment.status, payment.void_reason, payment.failure_code
            ));
        }
    }
    for refund in books.refunds.values() {
        violations.extend(payments::open_refund(refund, books, ledger, now));
    }
    violations.extend(unresolved_operation(books, ledger, now));
    violations.extend(invalid_change(changes));
    violations.extend(inbox_violation(inbox));
    for promise in &checks.promises {
        violations.extend(promises::broken_promise(
            promise,
            books,
            ledger,
            dashboard_changes,
            now,
        ));
        if let Promise::Event { event } = promise
            && !inbox.iter().any(|entry| entry.event == *event)
        {
            violations.push(format!(
                "the product accepted {event} from PayPal, but the inbox does not have it"
            ));
        }
    }
    for violation in violations {
        checks.report(violation);
    }
}

/// An authorization that reserves money without a booking that needs it.
fn orphaned_authorization(
    authorization: &Authorization,
    books: &Books,
    now: Timestamp,
) -> Option<String> {
    if !authorization.reserves_money() {
        return None;
    }
    let booking = &books.bookings[&authorization.booking()];
    let payment = &books.payments[&authorization.payment()];
    let is_current = payment.authorization_id.as_deref() == Some(authorization.latest_id());
    let is_needed = is_current
        && booking.is_confirmed()
        && (payment.is_live() || (payment.status == "failed" && payment.void_reason.is_none()));
    // PayPal cannot void an authorization that has expired.
    let has_expired = is_current
        && matches!(payment.status.as_str(), "voided" | "failed")
        && authorization.expires_at <= now;
    (!is_needed && !has_expired).then(|| {
        format!(
            "PayPal reserves {} {} by {} of {}, but its booking {} is {} and its payment {} is {}",
            authorization.amount.amount,
            authorization.amount.currency,
            authorization.latest_id(),
            authorization.order_id,
            booking.id,
            booking.status,
            payment.id,
            payment.status
        )
    })
}

/// A completed capture that the books do not have.
fn unknown_capture(
    authorization: &Authorization,
    books: &Books,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<String> {
    let payment = &books.payments[&authorization.payment()];
    let capture = ledger.captures_of(authorization).find(|capture| {
        capture.status_at(now) == CaptureStatus::Completed
            && payment.capture_id.as_deref() != Some(capture.id.as_str())
    })?;
    Some(format!(
        "PayPal captured {} {} by {}, but {} does not have it",
        capture.amount.amount, capture.amount.currency, capture.id, payment.id
    ))
}

/// A call to PayPal whose result is still unknown. Orders do not count, because an unrecorded order
/// is never paid.
fn unresolved_operation(books: &Books, ledger: &Ledger, now: Timestamp) -> Option<String> {
    books.operations.iter().find_map(|(id, operation)| {
        let is_unresolved = operation.status == "open"
            && operation.in_doubt
            && operation.kind != "order"
            && !ledger.is_undecided(operation.payment_id, now);
        is_unresolved.then(|| {
            format!(
                "{id} is open and in doubt (about {:?})",
                operation.subject_id
            )
        })
    })
}

/// An event that was applied twice, or neither applied nor made a dead letter.
fn inbox_violation(inbox: &[InboxEntry]) -> Option<String> {
    let mut processed = BTreeSet::new();
    inbox
        .iter()
        .find_map(|InboxEntry { event, status }| match status.as_str() {
            "processed" if !processed.insert(event) => Some(format!("{event} was applied twice")),
            "received" => Some(format!(
                "{event} was neither applied nor made a dead letter"
            )),
            _ => None,
        })
}

/// A valid change of status never lowers the rank. Ends without a capture rank below a capture.
fn rank(status: &str) -> u8 {
    match status {
        "created" => 0,
        "authorized" | "capturing" => 1,
        "voided" | "failed" | "expired" => 2,
        "captured" => 3,
        "partially_refunded" => 4,
        "refunded" => 5,
        _ => panic!("the simulation does not know the payment status {status}"),
    }
}

/// A payment that returned to an earlier status, or changed without an entry in the audit log.
fn invalid_change(changes: &[StatusChange]) -> Option<String> {
    let mut latest: BTreeMap<Uuid, &str> = BTreeMap::new();
    changes.iter().find_map(|change| {
        let before = latest
            .insert(change.payment, &change.to)
            .unwrap_or("created");
        let is_backwards = rank(&change.from) > rank(&change.to);
        (before != change.from || is_backwards).then(|| {
            format!(
                "{} went from {} to {} after it was {before}",
                change.payment, change.from, change.to
            )
        })
    })
}
