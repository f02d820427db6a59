//! Once faults have stopped and everything was driven to its end: ours and PayPal's are the same story.

use super::{Checks, Told, answers, payments};
use crate::{
    books::Books,
    ledger::{Authorization, Ledger, Standing},
};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A row of the audit log about a payment's state, oldest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    payment: Uuid,
    from: String,
    to: String,
}

/// An event in the inbox.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    event: String,
    status: String,
}

/// Looks at everything.
pub(crate) fn settled(checks: &mut Checks, changes: &[Change], inbox: &[Entry], now: Timestamp) {
    let (books, ledger) = (&checks.books, &checks.ledger);
    let mut found = Vec::new();
    found.extend(super::bookings::overlap(books));
    found.extend(super::money::captures(books, ledger, now));
    found.extend(super::money::confirmed(books, ledger, &checks.outside));
    for authorization in ledger.authorizations.values() {
        found.extend(held_for_nothing(authorization, books, now));
        found.extend(captured_unknown(authorization, books, ledger, now));
    }
    for payment in books.payments.values() {
        if let Some(problem) = payments::differs(payment, books, ledger, &checks.outside, now) {
            found.push(format!(
                "{} is {} (void: {:?}, failure: {:?}): {problem}",
                payment.id, payment.status, payment.void_reason, payment.failure_code
            ));
        }
    }
    for refund in books.refunds.values() {
        found.extend(payments::unmade(refund, books, ledger, now));
    }
    found.extend(in_doubt(books, ledger, now));
    found.extend(backwards(changes));
    found.extend(applied_twice(inbox));
    for told in &checks.told {
        found.extend(answers::untrue(told, books, ledger, &checks.outside, now));
        if let Told::Heard { event } = told
            && !inbox.iter().any(|entry| entry.event == *event)
        {
            found.push(format!(
                "PayPal was told that {event} is taken, and it is nowhere"
            ));
        }
    }
    for problem in found {
        checks.violated(problem);
    }
}

/// Money that PayPal holds although nobody will take it.
fn held_for_nothing(
    authorization: &Authorization,
    books: &Books,
    now: Timestamp,
) -> Option<String> {
    if !authorization.holds() {
        return None;
    }
    let booking = &books.bookings[&authorization.booking()];
    let payment = &books.payments[&authorization.payment()];
    let is_ours = payment.authorization_id.as_deref() == Some(authorization.latest_id());
    let stands = is_ours
        && booking.is_confirmed()
        && (payment.stands() || (payment.status == "failed" && payment.void_reason.is_none()));
    // A void that came too late found nothing to void.
    let is_over = is_ours
        && matches!(payment.status.as_str(), "voided" | "failed")
        && authorization.expires_at <= now;
    (!stands && !is_over).then(|| {
        format!(
            "PayPal holds {} {} by {} of {}, whose booking {} is {} and whose payment {} is {}",
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

/// Money that PayPal took and that we do not know of.
fn captured_unknown(
    authorization: &Authorization,
    books: &Books,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<String> {
    let payment = &books.payments[&authorization.payment()];
    let unknown = ledger.captures_of(authorization).find(|capture| {
        capture.standing(now) == Standing::Taken
            && payment.capture_id.as_deref() != Some(capture.id.as_str())
    })?;
    Some(format!(
        "PayPal took {} {} by {}, and {} does not know",
        unknown.amount.amount, unknown.amount.currency, unknown.id, payment.id
    ))
}

/// A call whose outcome nobody found out. An order moves no money: one that was never noted is never paid.
fn in_doubt(books: &Books, ledger: &Ledger, now: Timestamp) -> Option<String> {
    books.operations.iter().find_map(|(id, operation)| {
        let is_open = operation.status == "open"
            && operation.in_doubt
            && operation.kind != "order"
            && !ledger.is_undecided(operation.payment_id, now);
        is_open.then(|| {
            format!(
                "{id} is open and in doubt (about {:?})",
                operation.subject_id
            )
        })
    })
}

/// An event that was applied more than once, or is left in the inbox.
fn applied_twice(inbox: &[Entry]) -> Option<String> {
    let mut applied = BTreeSet::new();
    inbox
        .iter()
        .find_map(|Entry { event, status }| match status.as_str() {
            "processed" if !applied.insert(event) => Some(format!("{event} was applied twice")),
            "received" => Some(format!("{event} was never applied, nor given up")),
            _ => None,
        })
}

/// How far a payment has come; what ended without money has its own way out.
fn progress(status: &str) -> u8 {
    match status {
        "created" => 0,
        "authorized" | "capturing" => 1,
        "voided" | "failed" | "expired" => 2,
        "captured" => 3,
        "partially_refunded" => 4,
        "refunded" => 5,
        _ => panic!("{status} is not known here"),
    }
}

/// A payment that went back, or changed without a trace.
fn backwards(changes: &[Change]) -> Option<String> {
    let mut latest: BTreeMap<Uuid, &str> = BTreeMap::new();
    changes.iter().find_map(|change| {
        let before = latest
            .insert(change.payment, &change.to)
            .unwrap_or("created");
        let went_back = progress(&change.from) > progress(&change.to);
        (before != change.from || went_back).then(|| {
            format!(
                "{} went from {} to {} after it was {before}",
                change.payment, change.from, change.to
            )
        })
    })
}
