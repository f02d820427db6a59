//! Compares the product's tables with PayPal's ledger after all work is done.

use super::{Checks, Promise, payments, promises};
use crate::{
    books::Books,
    ledger::{Authorization, Ledger},
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
    let console = &checks.console_changes;
    let mut violations = Vec::new();
    violations.extend(super::bookings::overlap(books));
    violations.extend(checks.unannounced.violation());
    violations.extend(super::money::overcharge(books, ledger, console));
    violations.extend(super::money::unpaid_booking(books, ledger, console));
    for authorization in ledger.authorizations.values() {
        violations.extend(orphaned_authorization(authorization, books));
    }
    for payment in books.payments.values() {
        if let Some(mismatch) = payments::mismatch(payment, books, ledger) {
            violations.push(format!(
                "{} is {} (void: {:?}, failure: {:?}): {mismatch}",
                payment.id, payment.status, payment.void_reason, payment.failure_code
            ));
        }
    }
    for refund in books.refunds.values() {
        violations.extend(payments::open_refund(refund, books, ledger));
    }
    violations.extend(repeated_refund(books, ledger));
    violations.extend(repeated_call(ledger));
    violations.extend(unresolved_operation(books, ledger));
    violations.extend(invalid_change(changes));
    violations.extend(inbox_violation(inbox));
    violations.extend(super::findings::violations(books, ledger, now));
    for promise in &checks.promises {
        violations.extend(promises::broken_promise(promise, books, ledger, console));
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

/// An authorization that reserves money without a booking that needs it, and without a finding that
/// PayPal cannot void it.
fn orphaned_authorization(authorization: &Authorization, books: &Books) -> Option<String> {
    if !authorization.reserves_money() {
        return None;
    }
    let booking = &books.bookings[&authorization.booking()];
    let payment = &books.payments[&authorization.payment()];
    let is_current = payment.authorization_id.as_deref() == Some(authorization.latest_id());
    let is_needed = is_current
        && payment.void_reason.is_none()
        && (booking.is_confirmed() || payment.status == "authorization_pending")
        && (payment.is_live() || payment.status == "failed");
    let is_explained = || {
        books.findings.iter().any(|finding| {
            finding.payment_id == payment.id
                && matches!(
                    finding.kind.as_str(),
                    // Of the last one, an operator voids or captures the rest in the console.
                    "cancelled_not_voided" | "not_comparable" | "amount_mismatch"
                )
        })
    };
    (!is_needed && !is_explained()).then(|| {
        format!(
            "PayPal reserves {} {} by {} of {}, but its booking {} is {} and its payment {} is {}",
            authorization.held,
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

/// Two refunds at PayPal for one that the product ordered.
fn repeated_refund(books: &Books, ledger: &Ledger) -> Option<String> {
    let mut ordered = BTreeSet::new();
    ledger
        .refunds
        .values()
        .filter(|refund| matches!(refund.status, "COMPLETED" | "PENDING"))
        .filter_map(|refund| {
            // A refund in PayPal's console has the id of the booking.
            let id: Uuid = refund.custom_id.as_ref()?.parse().ok()?;
            books.refunds.contains_key(&id).then_some((refund, id))
        })
        .find(|(_, id)| !ordered.insert(*id))
        .map(|(refund, id)| {
            format!(
                "PayPal refunded {id} twice, the second time by {}",
                refund.id
            )
        })
}

/// Two effects at PayPal of one request id of the product. A lost order is looked for with the same
/// id, so it is found and not made again.
fn repeated_call(ledger: &Ledger) -> Option<String> {
    let mut made = BTreeMap::new();
    ledger.calls.iter().find_map(|call| {
        let first = *made.entry(&call.request_id).or_insert(&call.result);
        (*first != call.result).then(|| {
            format!(
                "{} was done twice at PayPal: {first} and {}",
                call.request_id, call.result
            )
        })
    })
}

/// A call to PayPal whose result is still unknown. Orders do not count, because an unrecorded order
/// is never paid.
fn unresolved_operation(books: &Books, ledger: &Ledger) -> Option<String> {
    books.operations.iter().find_map(|(id, operation)| {
        let is_unresolved = operation.status == "open"
            && operation.in_doubt
            && operation.kind != "order"
            && !ledger.is_undecided(operation.payment_id);
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

/// Whether a payment may go from one status to another. A capture at PayPal is a fact, so money
/// that was captured stays so. Refunds may fail, and PayPal may show that an ended payment still
/// holds money.
fn is_valid_change(from: &str, to: &str) -> bool {
    let is_captured =
        |status: &str| matches!(status, "captured" | "partially_refunded" | "refunded");
    match (from, to) {
        _ if from == to => true,
        (_, "created") => false,
        (_, "authorization_pending") => from == "created",
        _ if is_captured(from) => is_captured(to),
        ("capture_pending", _) => is_captured(to) || to == "failed",
        ("created" | "authorization_pending", "capturing") => false,
        ("voided" | "expired" | "failed", _) => !matches!(to, "voided" | "expired"),
        _ => true,
    }
}

/// A payment that made an impossible change, or changed without an entry in the audit log.
fn invalid_change(changes: &[StatusChange]) -> Option<String> {
    let mut latest: BTreeMap<Uuid, &str> = BTreeMap::new();
    changes.iter().find_map(|change| {
        let before = latest
            .insert(change.payment, &change.to)
            .unwrap_or("created");
        (before != change.from || !is_valid_change(&change.from, &change.to)).then(|| {
            format!(
                "{} went from {} to {} after it was {before}",
                change.payment, change.from, change.to
            )
        })
    })
}
