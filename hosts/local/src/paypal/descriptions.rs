//! PayPal's description of each issue. PayPal's API description fixes the text for each operation,
//! so a response with another text would be invalid. Clients must not depend on it.

use super::operation::Operation;

/// None for an issue without a description.
pub(super) fn describe(operation: Operation, issue: &str) -> Option<&'static str> {
    let description = match operation {
        Operation::CreateOrder => create_order(issue),
        Operation::AuthorizeOrder => authorize_order(issue),
        Operation::Capture => capture(issue),
        Operation::Void => void(issue),
        Operation::Reauthorize => reauthorize(issue),
        Operation::Refund => refund(issue),
        Operation::ShowOrder
        | Operation::ShowAuthorization
        | Operation::ShowCapture
        | Operation::ShowRefund => None,
    };
    description.or_else(|| any_operation(issue))
}

fn any_operation(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "INVALID_RESOURCE_ID" => {
            "Specified resource ID does not exist. Please check the resource ID and try again."
        }
        "PERMISSION_DENIED" => {
            "You do not have permission to access or perform operations on this resource."
        }
        "PREVIOUS_REQUEST_IN_PROGRESS" => {
            "A previous request on this resource is currently in progress. Please wait for sometime and try again. It is best to space out the initial and the subsequent request(s) to avoid receiving this error."
        }
        "PAYEE_ACCOUNT_RESTRICTED" => "Payee account is restricted.",
        "DUPLICATE_REQUEST_ID" => {
            "The value of PayPal-Request-Id header has already been used. Specify a different value and try the request again."
        }
        "INVALID_PARAMETER_SYNTAX" => {
            "The value of a field does not conform to the expected format."
        }
        "INVALID_PARAMETER_VALUE" => "The value of a field is invalid.",
        "INVALID_STRING_LENGTH" => "The value of a field is either too short or too long.",
        "INVALID_STRING_MAX_LENGTH" => "The value of a field is too long.",
        "MISSING_REQUIRED_PARAMETER" => "A required field / parameter is missing.",
        "CANNOT_BE_ZERO_OR_NEGATIVE" => {
            "Must be greater than zero. If the currency supports decimals, only two decimal place precision is supported."
        }
        "DECIMAL_PRECISION" => {
            "If the currency supports decimals, only two decimal place precision is supported."
        }
        "DECIMALS_NOT_SUPPORTED" => {
            "Currency does not support decimals. Please refer to https://developer.paypal.com/docs/api/reference/currency-codes/ for more information."
        }
        "INVALID_CURRENCY_CODE" => {
            "Currency code is invalid or is not currently supported. Please refer https://developer.paypal.com/docs/api/reference/currency-codes/ for list of supported currency codes."
        }
        _ => return None,
    })
}

fn order_syntax(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "INVALID_PARAMETER_VALUE" => "A parameter value is not valid.",
        "INVALID_STRING_LENGTH" => "The value of a field is either too short or too long",
        "MALFORMED_REQUEST_JSON" => "The request JSON is not well formed.",
        _ => return None,
    })
}

fn create_order(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "INVALID_ARRAY_MAX_ITEMS" => "The number of items in an array parameter is too large.",
        "INVALID_ARRAY_MIN_ITEMS" => "The number of items in an array parameter is too small.",
        "MISSING_REQUIRED_PARAMETER" => "A required parameter is missing.",
        "PAYPAL_REQUEST_ID_REQUIRED" => {
            "A PayPal-Request-Id is required if you are trying to process payment for an Order. Please specify a PayPal-Request-Id or Create the Order without a 'payment_source' specified."
        }
        "AMOUNT_MISMATCH" => {
            "Should equal item_total + tax_total + shipping + handling + insurance - shipping_discount - discount."
        }
        "CANNOT_BE_NEGATIVE" => {
            "Must be greater than or equal to 0. If the currency supports decimals, only two decimal place precision is supported."
        }
        "DUPLICATE_REFERENCE_ID" => {
            "`reference_id` must be unique if multiple `purchase_unit` are provided."
        }
        "INVALID_CURRENCY_CODE" => {
            "Currency code is invalid or is not currently supported. Please refer https://developer.paypal.com/api/rest/reference/currency-codes/ for list of supported currency codes."
        }
        "ITEM_TOTAL_MISMATCH" => {
            "Should equal sum of (unit_amount * quantity) across all items for a given purchase_unit."
        }
        "ITEM_TOTAL_REQUIRED" => {
            "If item details are specified (items.unit_amount and items.quantity) corresponding amount.breakdown.item_total is required."
        }
        "MAX_VALUE_EXCEEDED" => "Should be less than or equal to 999999999999999.99.",
        "PAYEE_ACCOUNT_RESTRICTED" => "The merchant account is restricted.",
        "MULTI_CURRENCY_ORDER" => {
            "Multiple differing values of currency_code are not supported. Entire Order request must have the same currency_code."
        }
        "REFERENCE_ID_REQUIRED" => {
            "'reference_id' is required for each 'purchase_unit' if multiple 'purchase_unit' are provided."
        }
        "UNSUPPORTED_INTENT" => {
            "`intent=AUTHORIZE` is not supported for multiple purchase units. Only `intent=CAPTURE` is supported."
        }
        _ => return order_syntax(issue),
    })
}

fn authorize_order(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "ACTION_DOES_NOT_MATCH_INTENT" => {
            "Order was created with an intent to 'CAPTURE'. Please use v2/checkout/orders/order_id/capture to complete the transaction or alternately Create an order with an intent of 'AUTHORIZE'."
        }
        "INSTRUMENT_DECLINED" => {
            "The instrument presented  was either declined by the processor or bank, or it can't be used for this payment."
        }
        "ORDER_ALREADY_AUTHORIZED" => {
            "Order already authorized.If 'intent=AUTHORIZE' only one authorization per order is allowed."
        }
        "ORDER_EXPIRED" => {
            "Order is expired and hence cannot be authorized. Please contact Customer Support if you need to increase your order validity period."
        }
        "ORDER_NOT_APPROVED" => {
            "Payer has not yet approved the Order for payment. Please redirect the payer to the 'rel':'approve' url returned as part of the HATEOAS links within the Create Order call."
        }
        "PAYER_CANNOT_PAY" => {
            "Payer cannot pay for this transaction. Please contact the payer to find other ways to pay for this transaction."
        }
        "MISSING_REQUIRED_PARAMETER" => "A required field / parameter is missing",
        _ => return order_syntax(issue),
    })
}

fn capture(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "AUTHORIZATION_ALREADY_CAPTURED" => "Authorization has previously been captured.",
        "AUTHORIZATION_DENIED" => "An denied authorization cannot be captured.",
        "AUTHORIZATION_EXPIRED" => "An expired authorization cannot be captured.",
        "AUTHORIZATION_VOIDED" => "A voided authorization cannot be captured or reauthorized. ",
        "AUTH_CAPTURE_CURRENCY_MISMATCH" => {
            "Currency of capture must be the same as currency of authorization."
        }
        "DUPLICATE_INVOICE_ID" => {
            "Requested invoice_id has been previously captured. Possible duplicate transaction."
        }
        "MAX_CAPTURE_AMOUNT_EXCEEDED" => {
            "Capture amount exceeds allowable limit. Please contact customer service or your account manager to request the change to your overage limit. The default overage limit is 115%, which allows the sum of all captures to be up to 115% of the order amount. The ability to over capture is subjected to regulatory approvals."
        }
        "MAX_CAPTURE_COUNT_EXCEEDED" => {
            "Maxmimum number of allowable captures has been reached. No additional captures are possible for this authorization. Contact Customer Service or your account manager to change the number of captures for a given authorization."
        }
        "PAYER_CANNOT_PAY" => {
            "Payer cannot pay for this transaction. Please contact the payer to find other ways to pay for this transaction."
        }
        "TRANSACTION_REFUSED" => {
            "PayPal's internal controls prevent authorization from being captured."
        }
        _ => return None,
    })
}

fn void(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "CANNOT_BE_VOIDED" => {
            "A reauthorization cannot be voided. Please void the original parent authorization."
        }
        "PREVIOUSLY_CAPTURED" => {
            "Authorization has been previously captured and hence cannot be voided."
        }
        "PREVIOUSLY_VOIDED" => {
            "Authorization has been previously voided and hence cannot be voided again."
        }
        _ => return None,
    })
}

fn reauthorize(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "AUTH_CURRENCY_MISMATCH" => {
            "The currency specified during reauthorization should be the same as the currency specified in the original authorization. Please check the currency of the authorization for which you are trying to reauthorize and try again."
        }
        "REAUTHORIZATION_NOT_SUPPORTED" => {
            "A reauthorize cannot be attempted on an authorization_id that is the result of a prior reauthorization or on an authorization made on an Order saved using the `v2/orders/id/save` API."
        }
        "REAUTHORIZATION_TOO_SOON" => {
            "A reauthorization is only allowed once from Day 4 to Day 29 since the date of the original authorization."
        }
        "AUTHORIZATION_ALREADY_CAPTURED"
        | "AUTHORIZATION_VOIDED"
        | "PAYER_CANNOT_PAY"
        | "TRANSACTION_REFUSED" => {
            return capture(issue);
        }
        _ => return None,
    })
}

fn refund(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "CAPTURE_FULLY_REFUNDED" => "The capture has already been fully refunded",
        "DUPLICATE_INVOICE_ID" => "Invoice ID was previously used to refund a capture.",
        "PENDING_CAPTURE" => {
            "Cannot initiate a refund as the capture is pending. Capture is typically pending when the payer has funded the transaction using e-check/bank funded."
        }
        "REFUND_AMOUNT_EXCEEDED" => {
            "The refund amount must be less than or equal to the capture amount that has not yet been refunded."
        }
        "REFUND_CAPTURE_CURRENCY_MISMATCH" => "Refund must be in the same currency as the capture",
        "REFUND_FAILED_INSUFFICIENT_FUNDS" => {
            "Capture could not be refunded due to insufficient funds. Please check to see if you have sufficient funds in your PayPal account or if the bank account linked to your PayPal account is verified and has sufficient funds."
        }
        "REFUND_NOT_ALLOWED" => "Capture cannot be refunded.",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK" => {
            "Refunds are not allowed on this capture due to a chargeback on the card or bank. Please contact the payee to resolve the chargeback."
        }
        "REFUND_TIME_LIMIT_EXCEEDED" => {
            "You are over the time limit to perform a refund on this capture"
        }
        "TRANSACTION_DISPUTED" => {
            "Partial refunds cannot be offered at this time because there is an open case on this transaction. Visit the PayPal Resolution Center to review this case."
        }
        _ => return None,
    })
}
