//! Once faults have stopped and everything was driven to its end: ours and PayPal's are the same story.

use super::{Checks, Told};
use crate::{
    books::{Booking, Books, Payment},
    ledger::{Authorization, Ledger},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A row of the audit log about a payment's state, oldest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    payment: Uuid,
    from: String,
    to: String,
}

/// Looks at everything.
pub(crate) fn settled(checks: &mut Checks, changes: &[Change], now: Timestamp) {
    let (books, ledger) = (&checks.books, &checks.ledger);
    let mut found = Vec::new();
    found.extend(super::bookings::overlap(books));
    found.extend(super::money::captures(books, ledger));
    found.extend(super::money::confirmed(books, ledger));
    for authorization in ledger.authorizations.values() {
        found.extend(held_for_nothing(authorization, books, now));
        found.extend(captured_unknown(authorization, books, ledger));
    }
    for payment in books.payments.values() {
        if let Some(problem) = differs(payment, ledger, now) {
            found.push(format!(
                "{} is {} (void: {:?}, failure: {:?}): {problem}",
                payment.id, payment.status, payment.void_reason, payment.failure_code
            ));
        }
    }
    found.extend(in_doubt(books, ledger));
    found.extend(backwards(changes));
    for told in &checks.told {
        found.extend(untrue(told, books));
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
) -> Option<String> {
    let payment = &books.payments[&authorization.payment()];
    let unknown = ledger.captures_of(authorization).find(|capture| {
        !capture.pending && payment.capture_id.as_deref() != Some(capture.id.as_str())
    })?;
    Some(format!(
        "PayPal took {} {} by {}, and {} does not know",
        unknown.amount.amount, unknown.amount.currency, unknown.id, payment.id
    ))
}

/// What PayPal says differently of a payment.
fn differs(payment: &Payment, ledger: &Ledger, now: Timestamp) -> Option<&'static str> {
    let authorization = payment.authorization_id.as_ref().and_then(|id| {
        ledger
            .authorizations_of(payment.id)
            .find(|authorization| authorization.latest_id() == id)
    });
    if payment.authorization_id.is_some() && authorization.is_none() {
        return Some("PayPal's latest authorization is another");
    }
    let is_pending = || {
        authorization.is_some_and(|authorization| {
            authorization.is_pending() || ledger.captures_of(authorization).any(|it| it.pending)
        })
    };
    let is_refused = payment.failure_code.is_some();
    match (payment.status.as_str(), authorization) {
        ("created", None) => ledger
            .authorizations_of(payment.id)
            .any(Authorization::holds)
            .then_some("PayPal authorized it"),
        // Everything that is due was driven to its end, so only PayPal itself can still be at it.
        ("authorized" | "capturing", Some(_)) => {
            (!is_pending()).then_some("it is not captured, although it is long due")
        }
        ("captured" | "partially_refunded" | "refunded", Some(_)) => {
            refunds_differ(payment, ledger)
        }
        ("voided", Some(authorization)) => (!authorization.voided
            && authorization.expires_at > now)
            .then_some("PayPal has not voided it"),
        ("failed", _) => (!is_refused).then_some("nothing says why"),
        ("expired", Some(authorization)) => {
            (authorization.expires_at > now).then_some("PayPal's authorization lives")
        }
        ("voided" | "expired", None) => None,
        _ => Some("PayPal has no authorization for it"),
    }
}

fn refunds_differ(payment: &Payment, ledger: &Ledger) -> Option<&'static str> {
    let id = payment.capture_id.as_deref().unwrap_or_default();
    let Some(capture) = ledger.captures.get(id) else {
        return Some("PayPal has no such capture");
    };
    let refunded = ledger.refunded(id);
    let status = if refunded == Decimal::ZERO {
        "captured"
    } else if refunded < capture.amount.amount {
        "partially_refunded"
    } else {
        "refunded"
    };
    if payment.captured_amount != Some(capture.amount.amount)
        || payment.currency != capture.amount.currency
    {
        Some("PayPal took another amount")
    } else if payment.refunded_amount != refunded {
        Some("PayPal gave back another amount")
    } else {
        (payment.status != status).then_some("PayPal's refunds make it another state")
    }
}

/// A call whose outcome nobody found out. An order moves no money: one that was never noted is never paid.
fn in_doubt(books: &Books, ledger: &Ledger) -> Option<String> {
    let is_pending = |payment: Uuid| {
        ledger
            .authorizations_of(payment)
            .any(|it| it.is_pending() || ledger.captures_of(it).any(|capture| capture.pending))
    };
    books.operations.iter().find_map(|(id, operation)| {
        let is_open = operation.status == "open"
            && operation.kind != "order"
            && !is_pending(operation.payment_id);
        is_open.then(|| {
            format!(
                "{id} is open (in doubt: {}, about {:?})",
                operation.in_doubt, operation.subject_id
            )
        })
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

/// Something a customer was told that is not so.
fn untrue(told: &Told, books: &Books) -> Option<String> {
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
    }
}
