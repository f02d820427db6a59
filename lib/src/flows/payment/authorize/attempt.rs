//! One attempt to authorize an order at PayPal, and the meaning of its failure.

use super::AuthorizeError;
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{AuthorizationClaim, AuthorizationRefusal},
    },
    domain::{
        observation::{Authorization, AuthorizationStatus, Observation, OrderStatus},
        paypal_meaning::Meaning,
    },
    platform::Deadline,
};

/// A failed attempt.
pub(super) struct AttemptFailure {
    pub(super) error: PayPalError,
    /// The kind for `record_payment_failure`. `ended`: the order cannot be used any more.
    pub(super) kind: &'static str,
}

/// Returns the order's authorization. Reads the order first if an earlier attempt may have
/// authorized it.
pub(super) async fn authorize_at_paypal(
    app: &App,
    deadline: Deadline,
    claim: &AuthorizationClaim,
    order_id: &str,
    look_first: bool,
) -> Result<Authorization, AttemptFailure> {
    let paypal = app.paypal(deadline);
    if look_first {
        match paypal.get_order(order_id).await {
            Ok(seen) => {
                if let Some(authorization) = seen.standing_authorization() {
                    return Ok(authorization.clone());
                }
            }
            Err(error) => {
                return Err(AttemptFailure {
                    error,
                    kind: "unknown",
                });
            }
        }
    }
    let result = paypal.authorize_order(&claim.request_id, order_id).await;
    let error = match result {
        Ok(authorization) => return Ok(authorization),
        Err(error) => error,
    };
    if !needs_look(&error) {
        let kind = kind_of(&error, claim.resumed);
        return Err(AttemptFailure { error, kind });
    }
    // If the order shows an authorization, the customer need not try again.
    match paypal.get_order(order_id).await {
        Ok(seen) => match seen.standing_authorization() {
            Some(authorization) => Ok(authorization.clone()),
            None => Err(AttemptFailure {
                kind: kind_after_look(&error, &seen),
                error,
            }),
        },
        Err(_) => Err(AttemptFailure {
            error,
            kind: "unknown",
        }),
    }
}

/// Whether the order may have an authorization despite the error.
fn needs_look(error: &PayPalError) -> bool {
    match error.meaning() {
        Meaning::Unknown => !error.is_missing(),
        Meaning::Ended => true,
        _ => error.issue() == Some(&Issue::OrderAlreadyAuthorized),
    }
}

/// The kind of a failure without an authorization. After an earlier attempt without a known
/// outcome, an attempt that had no effect proves nothing about the earlier one.
fn kind_of(error: &PayPalError, is_resumed: bool) -> &'static str {
    if error.is_missing() {
        return if is_resumed { "unknown" } else { "ended" };
    }
    match (error.meaning(), error.issue()) {
        // The payer may approve the same order again, or choose another way to pay.
        (
            _,
            Some(Issue::OrderNotApproved | Issue::PayerActionRequired | Issue::InstrumentDeclined),
        ) => "declined",
        (Meaning::DeclinedByPayer | Meaning::Ended, _) => "ended",
        (Meaning::NotNow | Meaning::Ours, _) if !is_resumed => "retryable",
        _ => "unknown",
    }
}

/// The kind of a failure when the order shows no standing authorization. An order without any
/// authorization may be an old copy.
fn kind_after_look(error: &PayPalError, seen: &Observation) -> &'static str {
    let is_completed = seen
        .orders
        .iter()
        .any(|order| order.status == OrderStatus::Completed);
    match error.meaning() {
        _ if has_only_ended(seen) => "ended",
        Meaning::Ended if !is_completed => "ended",
        _ => "unknown",
    }
}

/// Whether PayPal shows authorizations, and each of them has ended.
pub(super) fn has_only_ended(seen: &Observation) -> bool {
    !seen.authorizations.is_empty()
        && seen.authorizations.iter().all(|authorization| {
            matches!(
                authorization.status,
                AuthorizationStatus::Denied
                    | AuthorizationStatus::Voided
                    | AuthorizationStatus::Expired
            )
        })
}

/// The error for the customer.
pub(super) fn failure_after_look(error: PayPalError, kind: &str) -> AuthorizeError {
    if kind == "ended" && error.meaning() != Meaning::DeclinedByPayer {
        return AuthorizeError::Refused(AuthorizationRefusal::OrderEnded);
    }
    AuthorizeError::PayPal(error)
}
