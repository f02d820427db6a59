//! Compares each payment and refund with PayPal's books when all work is done.

use crate::{
    books::{Books, Payment, Refund},
    ledger::{Authorization, Capture, Ledger},
};
use rust_decimal::Decimal;

/// The first difference between a payment and PayPal's books that no open finding explains.
pub(super) fn mismatch(payment: &Payment, books: &Books, ledger: &Ledger) -> Option<String> {
    let difference = status_difference(payment, ledger)
        .map(str::to_owned)
        .or_else(|| capture_difference(payment, books, ledger))
        .or_else(|| refund_difference(payment, books, ledger))?;
    let is_explained = books
        .findings
        .iter()
        .any(|finding| finding.payment_id == payment.id && explains(&finding.kind));
    (!is_explained).then_some(difference)
}

/// Whether a finding says that PayPal's books are not ours.
pub(super) fn explains(kind: &str) -> bool {
    matches!(
        kind,
        "amount_mismatch"
            | "cancelled_not_voided"
            | "captured_twice"
            | "disputed"
            | "not_comparable"
            | "paid_but_unbooked"
            | "paypal_refuses_us"
            | "refund_missing"
            | "refund_refused"
    )
}

fn status_difference(payment: &Payment, ledger: &Ledger) -> Option<&'static str> {
    let reserves_money = || {
        ledger
            .authorizations_of(payment.id)
            .any(Authorization::reserves_money)
    };
    let authorization = payment.authorization_id.as_ref().and_then(|id| {
        ledger
            .authorizations_of(payment.id)
            .find(|authorization| authorization.latest_id() == id)
    });
    // A reauthorization after the payment's end changes nothing and may be unknown.
    let is_open = matches!(
        payment.status.as_str(),
        "authorization_pending" | "authorized" | "capturing"
    );
    if payment.authorization_id.is_some() && authorization.is_none() && is_open {
        return Some("its authorization is not PayPal's latest");
    }
    match (payment.status.as_str(), authorization) {
        ("created", None) => reserves_money().then_some("PayPal authorized it"),
        ("authorization_pending", Some(authorization)) => {
            (!authorization.is_pending()).then_some("PayPal has decided about it")
        }
        // All due work is done, so only PayPal's own decision can be missing.
        ("authorized" | "capturing", Some(_)) => (!ledger.is_undecided(payment.id))
            .then_some("it is not captured, although it is long due"),
        ("capture_pending", _) => (!ledger.captures_of(payment.id).any(Capture::is_pending))
            .then_some("PayPal reviews none of its captures"),
        ("captured" | "partially_refunded" | "refunded", _) => None,
        ("failed", _) => payment
            .failure_code
            .is_none()
            .then_some("it has no failure code"),
        ("voided" | "expired", _) => reserves_money().then_some("PayPal reserves its money"),
        _ => Some("PayPal has no authorization for it"),
    }
}

/// The first capture that PayPal and the product do not show alike.
fn capture_difference(payment: &Payment, books: &Books, ledger: &Ledger) -> Option<String> {
    let ours = |id: &str| {
        let capture = books.captures.get(id)?;
        (capture.payment_id == payment.id).then_some((capture.status.as_str(), capture.amount))
    };
    for capture in ledger.captures_of(payment.id) {
        let status = if capture.is_completed() {
            "completed"
        } else if capture.is_pending() {
            "pending"
        } else {
            "declined"
        };
        let recorded = ours(&capture.id);
        // The product need not know of a capture that never took money.
        let is_known = recorded == Some((status, capture.amount.amount))
            || (status == "declined" && recorded.is_none());
        if !is_known {
            return Some(format!(
                "{} of {} is {status} at PayPal, and the product has {recorded:?}",
                capture.id, capture.amount.amount
            ));
        }
    }
    let recorded = books.captures.iter();
    let invented = recorded
        .filter(|(_, capture)| capture.payment_id == payment.id)
        .find(|(id, _)| !ledger.captures.contains_key(*id));
    if let Some((id, _)) = invented {
        return Some(format!("PayPal has no capture {id}"));
    }
    let taken: Decimal = ledger.captures_of(payment.id).map(|it| it.taken).sum();
    let captured = payment.captured_amount.unwrap_or_default();
    (captured != taken).then(|| format!("PayPal captured {taken}, and the product has {captured}"))
}

/// The first capture of which another amount went back, and a refund that PayPal does not have.
fn refund_difference(payment: &Payment, books: &Books, ledger: &Ledger) -> Option<String> {
    for capture in ledger
        .captures_of(payment.id)
        .filter(|it| it.is_completed())
    {
        let recorded: Decimal = books
            .refunds_of(payment.id)
            .filter(|refund| refund.capture_id == capture.id && refund.status == "refunded")
            .map(|refund| refund.amount)
            .sum();
        if recorded != capture.given_back {
            return Some(format!(
                "PayPal gave back {} of {}, and the product has {recorded}",
                capture.given_back, capture.id
            ));
        }
    }
    for refund in books.refunds_of(payment.id) {
        let id = refund.paypal_refund_id.as_deref().unwrap_or_default();
        let status = match ledger.refunds.get(id).map(|it| it.status) {
            Some("COMPLETED") => "refunded",
            Some("PENDING") => "pending",
            Some(_) => "refused",
            None => continue,
        };
        if refund.status != status {
            return Some(format!(
                "{id} is {status} at PayPal, and the product has {}",
                refund.status
            ));
        }
    }
    let given_back: Decimal = ledger.captures_of(payment.id).map(|it| it.given_back).sum();
    (payment.refunded_amount != given_back).then(|| {
        format!(
            "PayPal gave back {given_back}, and the product has {}",
            payment.refunded_amount
        )
    })
}

/// An ordered refund that PayPal has neither made nor refused.
pub(super) fn open_refund(refund: &Refund, books: &Books, ledger: &Ledger) -> Option<String> {
    let payment = &books.payments[&refund.payment_id];
    // The product retries these until the account has funds or PayPal has decided on the capture.
    let is_retried = matches!(
        refund.failure_code.as_deref(),
        Some("REFUND_FAILED_INSUFFICIENT_FUNDS" | "PENDING_CAPTURE" | "TRANSACTION_DISPUTED")
    );
    let is_stuck = refund.status == "ordered" && !is_retried && !ledger.is_undecided(payment.id);
    is_stuck.then(|| {
        format!(
            "{} of {} is ordered and never refunded ({:?})",
            refund.amount, payment.id, refund.failure_code
        )
    })
}
