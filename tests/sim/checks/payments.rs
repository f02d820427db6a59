//! A payment of ours, compared with what PayPal has, once nobody is at it any more.

use crate::{
    books::{Books, Payment, Refund},
    ledger::{Authorization, Ledger},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// What PayPal says differently of a payment.
pub(super) fn differs(
    payment: &Payment,
    books: &Books,
    ledger: &Ledger,
    outside: &BTreeSet<String>,
    now: Timestamp,
) -> Option<&'static str> {
    let holds = || {
        ledger
            .authorizations_of(payment.id)
            .any(Authorization::holds)
    };
    let lives = || {
        ledger
            .authorizations_of(payment.id)
            .any(|authorization| authorization.holds() && authorization.expires_at > now)
    };
    let authorization = payment.authorization_id.as_ref().and_then(|id| {
        ledger
            .authorizations_of(payment.id)
            .find(|authorization| authorization.latest_id() == id)
    });
    // A renewal of what is over changes nothing, and need not be known.
    let is_over = matches!(payment.status.as_str(), "voided" | "expired");
    if payment.authorization_id.is_some() && authorization.is_none() && !is_over {
        return Some("PayPal's latest authorization is another");
    }
    match (payment.status.as_str(), authorization) {
        ("created", None) => holds().then_some("PayPal authorized it"),
        // Everything that is due was driven to its end, so only PayPal itself can still be at it.
        ("authorized" | "capturing", Some(_)) => (!ledger.is_undecided(payment.id, now))
            .then_some("it is not captured, although it is long due"),
        ("captured" | "partially_refunded" | "refunded", _) => {
            money_differs(payment, books, ledger, outside)
        }
        ("failed", _) => payment.failure_code.is_none().then_some("nothing says why"),
        ("voided" | "expired", _) => lives().then_some("PayPal holds its money"),
        _ => Some("PayPal has no authorization for it"),
    }
}

/// What PayPal took and gave back differently.
fn money_differs(
    payment: &Payment,
    books: &Books,
    ledger: &Ledger,
    outside: &BTreeSet<String>,
) -> Option<&'static str> {
    let id = payment.capture_id.as_deref().unwrap_or_default();
    let Some(capture) = ledger.captures.get(id) else {
        return Some("PayPal has no such capture");
    };
    if payment.captured_amount != Some(capture.amount.amount)
        || payment.currency != capture.amount.currency
    {
        return Some("PayPal took another amount");
    }
    let refunded = ledger.refunded(id);
    let status = if refunded == Decimal::ZERO {
        "captured"
    } else if refunded < capture.amount.amount {
        "partially_refunded"
    } else {
        "refunded"
    };
    if payment.refunded_amount != refunded {
        return Some("PayPal gave back another amount");
    }
    if payment.status != status {
        return Some("PayPal's refunds make it another state");
    }
    let made: Vec<&Refund> = books
        .refunds_of(payment.id)
        .filter(|refund| refund.status == "refunded")
        .collect();
    let is_made_once = made.len()
        == ledger
            .refunds_of(id)
            .filter(|it| !outside.contains(&it.id))
            .count()
        && made.iter().all(|refund| {
            let id = refund.paypal_refund_id.as_deref().unwrap_or_default();
            ledger
                .refunds
                .get(id)
                .is_some_and(|made| made.amount.amount == refund.amount)
        });
    (!is_made_once).then_some("PayPal made other refunds than were ordered")
}

/// A refund that was ordered and neither made nor refused.
pub(super) fn unmade(
    refund: &Refund,
    books: &Books,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<String> {
    let payment = &books.payments[&refund.payment_id];
    // An account that is empty, or a capture that PayPal still looks at, is tried again and again.
    let waits = matches!(
        refund.failure_code.as_deref(),
        Some("REFUND_FAILED_INSUFFICIENT_FUNDS" | "PENDING_CAPTURE")
    );
    let is_stuck = refund.status == "ordered" && !waits && !ledger.is_undecided(payment.id, now);
    is_stuck.then(|| {
        format!(
            "{} of {} is ordered and never made ({:?})",
            refund.amount, payment.id, refund.failure_code
        )
    })
}
