//! Compares each payment and refund with PayPal's ledger when all work is done.

use crate::{
    books::{Books, Payment, Refund},
    ledger::{Authorization, Ledger},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// The first difference between a payment and PayPal's ledger.
pub(super) fn mismatch(
    payment: &Payment,
    books: &Books,
    ledger: &Ledger,
    dashboard_changes: &BTreeSet<String>,
    now: Timestamp,
) -> Option<&'static str> {
    let has_authorization = || {
        ledger
            .authorizations_of(payment.id)
            .any(Authorization::reserves_money)
    };
    let has_valid_authorization = || {
        ledger
            .authorizations_of(payment.id)
            .any(|authorization| authorization.reserves_money() && authorization.expires_at > now)
    };
    let authorization = payment.authorization_id.as_ref().and_then(|id| {
        ledger
            .authorizations_of(payment.id)
            .find(|authorization| authorization.latest_id() == id)
    });
    // A reauthorization after the payment's end changes nothing and may be unknown.
    let has_ended = matches!(payment.status.as_str(), "voided" | "expired");
    if payment.authorization_id.is_some() && authorization.is_none() && !has_ended {
        return Some("its authorization is not PayPal's latest");
    }
    match (payment.status.as_str(), authorization) {
        ("created", None) => has_authorization().then_some("PayPal authorized it"),
        // All due work is done, so only PayPal's own decision can be missing.
        ("authorized" | "capturing", Some(_)) => (!ledger.is_undecided(payment.id, now))
            .then_some("it is not captured, although it is long due"),
        ("captured" | "partially_refunded" | "refunded", _) => {
            money_mismatch(payment, books, ledger, dashboard_changes)
        }
        ("failed", _) => payment
            .failure_code
            .is_none()
            .then_some("it has no failure code"),
        ("voided" | "expired", _) => {
            has_valid_authorization().then_some("PayPal reserves its money")
        }
        _ => Some("PayPal has no authorization for it"),
    }
}

/// The first difference in captured or refunded money.
fn money_mismatch(
    payment: &Payment,
    books: &Books,
    ledger: &Ledger,
    dashboard_changes: &BTreeSet<String>,
) -> Option<&'static str> {
    let id = payment.capture_id.as_deref().unwrap_or_default();
    let Some(capture) = ledger.captures.get(id) else {
        return Some("PayPal has no such capture");
    };
    if payment.captured_amount != Some(capture.amount.amount)
        || payment.currency != capture.amount.currency
    {
        return Some("PayPal captured another amount");
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
        return Some("PayPal refunded another amount");
    }
    if payment.status != status {
        return Some("PayPal's refunds require another status");
    }
    let refunds: Vec<&Refund> = books
        .refunds_of(payment.id)
        .filter(|refund| refund.status == "refunded")
        .collect();
    let has_same_refunds = refunds.len()
        == ledger
            .refunds_of(id)
            .filter(|it| !dashboard_changes.contains(&it.id))
            .count()
        && refunds.iter().all(|refund| {
            let id = refund.paypal_refund_id.as_deref().unwrap_or_default();
            ledger
                .refunds
                .get(id)
                .is_some_and(|it| it.amount.amount == refund.amount)
        });
    (!has_same_refunds).then_some("PayPal made other refunds than the product ordered")
}

/// An ordered refund that PayPal has neither made nor refused.
pub(super) fn open_refund(
    refund: &Refund,
    books: &Books,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<String> {
    let payment = &books.payments[&refund.payment_id];
    // The product retries these until the account has funds or PayPal has decided on the capture.
    let is_retried = matches!(
        refund.failure_code.as_deref(),
        Some("REFUND_FAILED_INSUFFICIENT_FUNDS" | "PENDING_CAPTURE")
    );
    let is_stuck =
        refund.status == "ordered" && !is_retried && !ledger.is_undecided(payment.id, now);
    is_stuck.then(|| {
        format!(
            "{} of {} is ordered and never refunded ({:?})",
            refund.amount, payment.id, refund.failure_code
        )
    })
}
