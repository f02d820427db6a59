//! The meaning of PayPal's answers: one table for everything that reads PayPal.
//!
//! An answer that is not understood is never a refusal. It is [`Meaning::Unknown`], and PayPal is
//! asked again, or [`Meaning::Ours`], and an operator is asked. Only an issue about this payer, or
//! about this order, authorization, capture or refund, is a no.
//!
//! Sources: the `OpenAPI` files of Orders v2 and Payments v2
//! (<https://github.com/paypal/paypal-rest-api-specifications>), and
//! <https://developer.paypal.com/api/rest/reference/orders/v2/errors/>.

use jiff::{SignedDuration, Timestamp};

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

/// The issues of refused calls: the calls that have them, their meaning, and the issues. No calls:
/// every call. The first row that fits counts.
const ISSUES: [(&str, Meaning, &str); 10] = [
    // The payer cannot pay now, or PayPal does not let this payer pay us.
    (
        "create_order authorize_order capture_authorization reauthorize",
        Meaning::DeclinedByPayer,
        "ALIAS_DECLINED_BY_PROCESSOR CARD_BRAND_NOT_SUPPORTED CARD_CLOSED CARD_EXPIRED \
         COMPLIANCE_VIOLATION DECLINED_DUE_TO_RELATED_TXN DOMESTIC_TRANSACTION_REQUIRED \
         INSTRUMENT_DECLINED PAYEE_BLOCKED_TRANSACTION PAYER_ACCOUNT_LOCKED_OR_CLOSED \
         PAYER_ACCOUNT_RESTRICTED PAYER_ACTION_REQUIRED PAYER_CANNOT_PAY PAYMENT_DENIED \
         PAYMENT_SOURCE_CANNOT_BE_USED PAYMENT_SOURCE_DECLINED_BY_PROCESSOR \
         PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED REDIRECT_PAYER_FOR_ALTERNATE_FUNDING \
         REFERENCED_CARD_EXPIRED TRANSACTION_BLOCKED_BY_PAYEE TRANSACTION_LIMIT_EXCEEDED \
         TRANSACTION_REFUSED",
    ),
    (
        "create_order",
        Meaning::DeclinedByPayer,
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    ),
    // The payer may still approve.
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
    (
        "refund_capture",
        Meaning::Ended,
        "CAPTURE_FULLY_REFUNDED MAX_NUMBER_OF_REFUNDS_EXCEEDED PARTIAL_REFUND_NOT_ALLOWED \
         REFUND_AMOUNT_EXCEEDED REFUND_AMOUNT_TOO_LOW REFUND_IS_RESTRICTED REFUND_NOT_ALLOWED \
         REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK REFUND_TIME_EXCEEDED_FOR_PAYMENT_SOURCE \
         REFUND_TIME_LIMIT_EXCEEDED",
    ),
    // PayPal decides the capture or the dispute first.
    (
        "refund_capture",
        Meaning::NotNow,
        "PENDING_CAPTURE TRANSACTION_DISPUTED",
    ),
    ("void_authorization", Meaning::Done, "PREVIOUSLY_VOIDED"),
    // PayPal has done this, or something else with this request id. Its answer may be a minute old.
    (
        "",
        Meaning::Unknown,
        "DUPLICATE_REQUEST_ID DUPLICATE_TRANSACTION ORDER_ALREADY_AUTHORIZED \
         ORDER_ALREADY_CAPTURED",
    ),
];

/// The issues that are about us: credentials, permissions, our account, currencies, and members of
/// our requests.
const OURS: &str = "ACTION_DOES_NOT_MATCH_INTENT AGREEMENT_ALREADY_CANCELLED AMOUNT_CANNOT_BE_SPECIFIED \
     AMOUNT_MISMATCH APPLE_PAY_AMOUNT_MISMATCH AUTHENTICATION_FAILURE \
     AUTHORIZATION_AMOUNT_EXCEEDED AUTHORIZATION_CURRENCY_MISMATCH AUTH_CAPTURE_CURRENCY_MISMATCH \
     AUTH_CAPTURE_NOT_ENABLED AUTH_CURRENCY_MISMATCH BILLING_ADDRESS_INVALID \
     BILLING_AGREEMENT_ID_MISMATCH BILLING_AGREEMENT_NOT_FOUND \
     BLIK_ONE_CLICK_MISSING_REQUIRED_PARAMETER CANCEL_URL_REQUIRED CANNOT_BE_NEGATIVE \
     CANNOT_BE_ZERO_OR_NEGATIVE CARD_EXPIRY_REQUIRED CARD_NUMBER_REQUIRED CITY_REQUIRED \
     CONSENT_NEEDED CRYPTOGRAM_REQUIRED CURRENCY_MISMATCH CURRENCY_NOT_SUPPORTED \
     DECIMALS_NOT_SUPPORTED DECIMAL_PRECISION DONATION_ITEMS_NOT_SUPPORTED DUPLICATE_INVOICE_ID \
     DUPLICATE_REFERENCE_ID EMV_DATA_REQUIRED GOOGLE_PAY_GATEWAY_MERCHANT_ID_MISMATCH \
     INCOMPATIBLE_PARAMETER_VALUE INVALID_ACCOUNT_STATUS INVALID_ARRAY_MAX_ITEMS \
     INVALID_ARRAY_MIN_ITEMS INVALID_COUNTRY_CODE INVALID_CURRENCY_CODE INVALID_EXPIRY_DATE \
     INVALID_FX_RATE_ID INVALID_GOOGLE_PAY_TOKEN INVALID_PARAMETER_SYNTAX INVALID_PARAMETER_VALUE \
     INVALID_PAYEE_PRICING_TIER_ID INVALID_PAYER_ID INVALID_PICKUP_ADDRESS \
     INVALID_PLATFORM_FEES_ACCOUNT INVALID_PLATFORM_FEES_AMOUNT \
     INVALID_PREVIOUS_TRANSACTION_REFERENCE INVALID_REQUEST INVALID_SECURITY_CODE_LENGTH \
     INVALID_STRING_LENGTH INVALID_STRING_MAX_LENGTH ITEM_TOTAL_MISMATCH ITEM_TOTAL_REQUIRED \
     MALFORMED_REQUEST_JSON MAX_VALUE_EXCEEDED MERCHANT_INITIATED_WITH_AUTHENTICATION_RESULTS \
     MERCHANT_INITIATED_WITH_MULTIPLE_PURCHASE_UNITS MERCHANT_INITIATED_WITH_SECURITY_CODE \
     MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE MISSING_CRYPTOGRAM MISSING_PICKUP_ADDRESS \
     MISSING_PREVIOUS_REFERENCE MISSING_REQUIRED_PARAMETER MULTIPLE_ITEM_CATEGORIES \
     MULTIPLE_SHIPPING_ADDRESS_NOT_SUPPORTED MULTIPLE_SHIPPING_OPTION_SELECTED \
     MULTIPLE_SHIPPING_TYPE_NOT_SUPPORTED MULTI_CURRENCY_ORDER NOT_AUTHORIZED \
     NOT_ELIGIBLE_FOR_PAYPAL_TRANSACTION_ID_PROCESSING NOT_ELIGIBLE_FOR_PNREF_PROCESSING \
     NOT_ELIGIBLE_FOR_TOKEN_PROCESSING NOT_ENABLED_FOR_APPLE_PAY NOT_ENABLED_FOR_CARD_PROCESSING \
     NOT_ENABLED_FOR_GOOGLE_PAY NOT_ENABLED_TO_VAULT_PAYMENT_SOURCE NOT_SUPPORTED \
     ONE_OF_PARAMETERS_REQUIRED ORDER_CANNOT_BE_SAVED ORDER_COMPLETE_ON_PAYMENT_APPROVAL \
     PAYEE_ACCOUNT_INVALID PAYEE_ACCOUNT_LOCKED_OR_CLOSED PAYEE_ACCOUNT_NOT_SUPPORTED \
     PAYEE_ACCOUNT_NOT_VERIFIED PAYEE_ACCOUNT_RESTRICTED PAYEE_FX_RATE_ID_CURRENCY_MISMATCH \
     PAYEE_FX_RATE_ID_EXPIRED PAYEE_NOT_CONSENTED PAYEE_NOT_ENABLED_FOR_CARD_PROCESSING \
     PAYEE_PRICING_TIER_ID_NOT_ENABLED PAYMENT_SOURCE_MISMATCH \
     PAYMENT_TYPE_NOT_SUPPORTED_FOR_INTENT PAYPAL_REQUEST_ID_REQUIRED \
     PAYPAL_TRANSACTION_ID_EXPIRED PAYPAL_TRANSACTION_ID_NOT_FOUND PERMISSION_DENIED \
     PERMISSION_DENIED_FOR_DONATION_ITEMS PERMISSION_NOT_GRANTED PLATFORM_FEES_NOT_SUPPORTED \
     PLATFORM_FEE_EXCEEDED PLATFORM_FEE_NOT_ENABLED PNREF_EXPIRED PNREF_NOT_FOUND \
     POSTAL_CODE_REQUIRED PREFERRED_PAYMENT_SOURCE_MISMATCH \
     PREFERRED_SHIPPING_OPTION_AMOUNT_MISMATCH PREVIOUS_TRANSACTION_REFERENCE_HAS_CHARGEBACK \
     PREVIOUS_TRANSACTION_REFERENCE_VOIDED REFERENCE_ID_REQUIRED REFUND_CAPTURE_CURRENCY_MISMATCH \
     REFUND_FAILED_INSUFFICIENT_FUNDS REQUIRED_PARAMETER_FOR_CUSTOMER_INITIATED_PAYMENT \
     RETURN_URL_REQUIRED SAVE_ORDER_NOT_SUPPORTED SHIPPING_ADDRESS_INVALID \
     SHIPPING_OPTIONS_NOT_SUPPORTED SHIPPING_OPTION_NOT_SELECTED \
     SHIPPING_TYPE_NOT_SUPPORTED_FOR_CLIENT TAX_TOTAL_MISMATCH TAX_TOTAL_REQUIRED TOKEN_EXPIRED \
     TOKEN_ID_NOT_FOUND TRANSACTION_RECEIVING_LIMIT_EXCEEDED UNSUPPORTED_INTENT \
     UNSUPPORTED_INTENT_FOR_PAYMENT_SOURCE UNSUPPORTED_PAYMENT_INSTRUCTION \
     UNSUPPORTED_PROCESSING_INSTRUCTION UNSUPPORTED_SHIPPING_TYPE VALIDATION_ERROR \
     VAULT_INSTRUCTION_DUPLICATED VAULT_INSTRUCTION_REQUIRED";

fn has_word(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|other| other == word)
}

/// The meaning that the table gives an issue of a call. `None` if it lists neither.
fn listed_meaning(call: &str, issue: &str) -> Option<Meaning> {
    if has_word(OURS, issue) {
        return Some(Meaning::Ours);
    }
    ISSUES
        .iter()
        .find(|(calls, _, issues)| {
            (calls.is_empty() || has_word(calls, call)) && has_word(issues, issue)
        })
        .map(|(_, meaning, _)| *meaning)
}

/// The meaning of a refusal of `call`, which is the name of an operation of `clients/paypal`.
/// `issue` is PayPal's first issue, otherwise the error's name, otherwise empty.
#[must_use]
pub(crate) fn refusal_meaning(call: &str, status: u16, issue: &str) -> Meaning {
    match status {
        401 => Meaning::Ours,
        429 => Meaning::NotNow,
        // An id of another account or mode. A read proves nothing and stops nothing.
        404 if is_missing_resource(issue) && !call.starts_with("get_") => Meaning::Ours,
        // Business rules are in 422 only. No other status holds a no.
        422 => listed_meaning(call, issue).unwrap_or(Meaning::Unknown),
        400 | 403 if has_word(OURS, issue) => Meaning::Ours,
        // In progress (409), errors of PayPal or a gateway, and whatever is not documented.
        _ => Meaning::Unknown,
    }
}

/// The lifetime of an order. PayPal gives the payer 3 hours to open it and 3 more to approve it.
/// One more hour lets a late response arrive.
const ORDER_LIFE: SignedDuration = SignedDuration::from_hours(7);

/// The meaning of an order that PayPal does not know, by its age. PayPal forgets an order that
/// nobody approved. A young one proves nothing.
#[must_use]
pub(crate) fn missing_order_meaning(created: Option<Timestamp>, now: Timestamp) -> Meaning {
    if created.is_some_and(|created| now.duration_since(created) > ORDER_LIFE) {
        Meaning::Ended
    } else {
        Meaning::Unknown
    }
}

/// Whether an issue of a 404 is PayPal's word that it does not know the resource. A gateway's page
/// has no issue.
#[must_use]
pub(crate) fn is_missing_resource(issue: &str) -> bool {
    has_word("INVALID_RESOURCE_ID RESOURCE_NOT_FOUND", issue)
}

/// Whether an open operation of a payment failed because of us, by the code of its last failure.
#[must_use]
pub(crate) fn is_refusal_of_us(operation: &str, code: &str) -> bool {
    let call = match operation {
        "capture" => "capture_authorization",
        "void" => "void_authorization",
        "refund" => "refund_capture",
        other => other,
    };
    has_word("unauthenticated unbuildable", code)
        || refusal_meaning(call, 422, code) == Meaning::Ours
}

/// Whether a recorded failure says that the authorization cannot be used any more.
#[must_use]
pub(crate) fn ends_authorization(failure_code: &str) -> bool {
    has_word(
        "authorization_denied authorization_expired authorization_voided",
        failure_code,
    ) || refusal_meaning("capture_authorization", 422, failure_code) == Meaning::Ended
}

#[cfg(test)]
mod tests;
