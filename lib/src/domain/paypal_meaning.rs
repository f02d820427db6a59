//! The meaning of PayPal's answers: one table for everything that reads PayPal.
//!
//! An answer that is not understood is never a refusal. It is [`Meaning::Unknown`], and PayPal is
//! asked again, or [`Meaning::Ours`], and an operator is asked. Only an issue about this payer, or
//! about this order, authorization, capture or refund, is a no.
//!
//! Sources: the OpenAPI files of Orders v2 and Payments v2
//! (<https://github.com/paypal/paypal-rest-api-specifications>), and
//! <https://developer.paypal.com/api/rest/reference/orders/v2/errors/>.

/// The meaning of an answer, for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// PayPal did it, now or before.
    Done,
    /// PayPal is reviewing it, or waits for the payer's bank or approval.
    NotYet,
    /// This payer cannot pay now. A later attempt may succeed.
    DeclinedByPayer,
    /// The order, authorization or capture cannot be used any more.
    Ended,
    /// Our credentials, permissions, account or request. No other call would fare better, so the
    /// run stops. It ends no payment.
    Ours,
    /// Nothing happened, and a later attempt may succeed: a rate limit, a dispute, or PayPal was
    /// not reached.
    NotNow,
    /// PayPal may have acted. Ask it.
    Unknown,
}

impl Meaning {
    /// The kind of a failed attempt, for the database. `None` if the attempt did not fail.
    #[must_use]
    pub(crate) fn failure_kind(self) -> Option<&'static str> {
        match self {
            Self::Done | Self::NotYet => None,
            Self::DeclinedByPayer => Some("declined"),
            Self::Ended => Some("ended"),
            Self::Ours | Self::NotNow => Some("retryable"),
            Self::Unknown => Some("unknown"),
        }
    }
}

/// The issues of refused calls, by the calls that have them. A word of the first string is the name
/// of a call, a word of the last is an issue.
const ISSUES: [(&str, Meaning, &str); 10] = [
    (
        "authorize_order capture_authorization reauthorize create_order",
        Meaning::DeclinedByPayer,
        "ALIAS_DECLINED_BY_PROCESSOR CARD_BRAND_NOT_SUPPORTED CARD_EXPIRED COMPLIANCE_VIOLATION \
         DECLINED_DUE_TO_RELATED_TXN DOMESTIC_TRANSACTION_REQUIRED INSTRUMENT_DECLINED \
         PAYEE_BLOCKED_TRANSACTION PAYER_ACCOUNT_LOCKED_OR_CLOSED PAYER_ACCOUNT_RESTRICTED \
         PAYER_ACTION_REQUIRED PAYER_CANNOT_PAY PAYMENT_DENIED PAYMENT_SOURCE_CANNOT_BE_USED \
         PAYMENT_SOURCE_DECLINED_BY_PROCESSOR PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED \
         REDIRECT_PAYER_FOR_ALTERNATE_FUNDING REFERENCED_CARD_EXPIRED TRANSACTION_BLOCKED_BY_PAYEE \
         TRANSACTION_LIMIT_EXCEEDED TRANSACTION_REFUSED",
    ),
    // The payer may approve it yet.
    (
        "authorize_order",
        Meaning::DeclinedByPayer,
        "ORDER_NOT_APPROVED",
    ),
    (
        "refund_capture",
        Meaning::DeclinedByPayer,
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED PAYER_ACCOUNT_RESTRICTED",
    ),
    (
        "authorize_order",
        Meaning::Ended,
        "MAX_AUTHORIZATION_COUNT_EXCEEDED MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED \
         ORDER_COMPLETED_OR_VOIDED ORDER_EXPIRED",
    ),
    (
        "capture_authorization reauthorize void_authorization",
        Meaning::Ended,
        "AUTHORIZATION_ALREADY_CAPTURED AUTHORIZATION_DENIED AUTHORIZATION_EXPIRED \
         AUTHORIZATION_VOIDED CANNOT_BE_VOIDED MAX_CAPTURE_AMOUNT_EXCEEDED \
         MAX_CAPTURE_COUNT_EXCEEDED PREVIOUSLY_CAPTURED REAUTHORIZATION_NOT_SUPPORTED \
         REAUTHORIZATION_TOO_SOON",
    ),
    ("void_authorization", Meaning::Done, "PREVIOUSLY_VOIDED"),
    (
        "refund_capture",
        Meaning::Ended,
        "CAPTURE_FULLY_REFUNDED MAX_NUMBER_OF_REFUNDS_EXCEEDED PARTIAL_REFUND_NOT_ALLOWED \
         REFUND_AMOUNT_EXCEEDED REFUND_AMOUNT_TOO_LOW REFUND_IS_RESTRICTED REFUND_NOT_ALLOWED \
         REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK REFUND_TIME_LIMIT_EXCEEDED",
    ),
    (
        "refund_capture",
        Meaning::NotNow,
        "PENDING_CAPTURE TRANSACTION_DISPUTED",
    ),
    (
        "refund_capture",
        Meaning::Ours,
        "CURRENCY_MISMATCH PLATFORM_FEE_EXCEEDED PLATFORM_FEE_NOT_ENABLED \
         REFUND_CAPTURE_CURRENCY_MISMATCH REFUND_FAILED_INSUFFICIENT_FUNDS",
    ),
    ("create_order", Meaning::Ours, "TODO"),
];

fn has_word(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|other| other == word)
}

/// The meaning of a refusal. `issue` is PayPal's first issue, otherwise the error's name,
/// otherwise empty.
#[must_use]
pub(crate) fn refusal_meaning(call: &str, status: u16, issue: &str) -> Meaning {
    let _ = status;
    ISSUES
        .iter()
        .find(|(calls, _, issues)| has_word(calls, call) && has_word(issues, issue))
        .map_or(Meaning::Unknown, |(_, meaning, _)| *meaning)
}

/// Whether an issue of a 404 is PayPal's word that it does not know the resource. A gateway's page
/// has no issue.
#[must_use]
pub(crate) fn is_missing_resource(issue: &str) -> bool {
    has_word("INVALID_RESOURCE_ID RESOURCE_NOT_FOUND", issue)
}

/// Whether a recorded failure says that the authorization cannot be used any more.
#[must_use]
pub(crate) fn ends_authorization(failure_code: &str) -> bool {
    has_word(
        "authorization_denied authorization_expired authorization_voided",
        failure_code,
    ) || refusal_meaning("capture_authorization", 422, failure_code) == Meaning::Ended
}
