//! Compares the money at PayPal with the bookings after each event.

use super::ConsoleChanges;
use crate::{books::Books, ledger::Ledger};
use rust_decimal::Decimal;

/// A payment that the product captured twice, or above its price. A console may capture in parts.
pub(super) fn overcharge(
    books: &Books,
    ledger: &Ledger,
    console: &ConsoleChanges,
) -> Option<String> {
    books.payments.values().find_map(|payment| {
        let made: Vec<_> = ledger
            .captures_of(payment.id)
            .filter(|capture| !console.contains(&capture.id))
            .filter(|capture| capture.is_completed() || capture.is_pending())
            .collect();
        let sum: Decimal = made.iter().map(|capture| capture.amount.amount).sum();
        (made.len() > 1 || sum > payment.amount).then(|| {
            format!(
                "{} costs {}, and PayPal captured {sum} in {} captures",
                payment.booking_id,
                payment.amount,
                made.len()
            )
        })
    })
}

/// A confirmed booking without an authorization of exactly its price.
pub(super) fn unpaid_booking(
    books: &Books,
    ledger: &Ledger,
    console: &ConsoleChanges,
) -> Option<String> {
    books
        .bookings
        .values()
        .filter(|booking| booking.is_confirmed())
        .find_map(|booking| {
            let is_paid = books
                .payments_of(booking.id)
                .filter(|payment| payment.is_live())
                .flat_map(|payment| ledger.authorizations_of(payment.id))
                .any(|authorization| {
                    // The product learns of PayPal's own voids only later.
                    let is_released = authorization.status == "VOIDED"
                        && !console.contains(&authorization.id)
                        && !authorization.ends_by_itself();
                    !is_released
                        && !authorization.is_pending()
                        && !authorization.is_denied()
                        && authorization.amount.amount == booking.final_price
                        && authorization.amount.currency == booking.currency
                });
            // PayPal may refuse a payment for good or release it by itself. The books then have a
            // failure code, and an operator decides.
            let is_refused = || {
                books.payments_of(booking.id).any(|payment| {
                    (!payment.is_live() && payment.failure_code.is_some())
                        || payment.status == "refunded"
                })
            };
            (!is_paid && !is_refused()).then(|| {
                format!(
                    "{} is {}, and PayPal does not reserve {} {} for it",
                    booking.id, booking.status, booking.final_price, booking.currency
                )
            })
        })
}

/// A payment that names another order than the one that was authorized.
pub(super) fn foreign_order(books: &Books, ledger: &Ledger) -> Option<String> {
    books.payments.values().find_map(|payment| {
        let id = payment.authorization_id.as_deref()?;
        let authorization = ledger
            .authorizations_of(payment.id)
            .find(|authorization| authorization.has_id(id))?;
        (payment.order_id.as_deref() != Some(authorization.order_id.as_str())).then(|| {
            format!(
                "{} has the order {:?}, and PayPal authorized {}",
                payment.id, payment.order_id, authorization.order_id
            )
        })
    })
}

/// A payment that failed for a reason that is not its payer's and not its authorization's.
pub(super) fn wrong_failure(books: &Books) -> Option<String> {
    const REASONS: [&str; 22] = [
        "authorization_denied",
        "authorization_expired",
        "authorization_voided",
        "capture_declined",
        "payment_mismatch",
        "AUTHORIZATION_ALREADY_CAPTURED",
        "AUTHORIZATION_ALREADY_COMPLETED",
        "AUTHORIZATION_DENIED",
        "AUTHORIZATION_EXPIRED",
        "AUTHORIZATION_VOIDED",
        "CARD_EXPIRED",
        "INSTRUMENT_DECLINED",
        "INVALID_RESOURCE_ID",
        "MAX_CAPTURE_AMOUNT_EXCEEDED",
        "MAX_CAPTURE_COUNT_EXCEEDED",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_CANNOT_PAY",
        "PREVIOUSLY_CAPTURED",
        "PREVIOUSLY_VOIDED",
        "TRANSACTION_REFUSED",
        "PENDING_CAPTURE",
    ];
    books.payments.values().find_map(|payment| {
        let code = payment.failure_code.as_deref()?;
        (payment.status == "failed" && !REASONS.contains(&code)).then(|| {
            format!(
                "{} failed because of {code}, which is not about its payer or authorization",
                payment.id
            )
        })
    })
}
