//! The simulator's only merchant and only payer.

use serde_json::{Value, json};

/// Also the query parameter `PayerID` of the redirect to the shop.
pub(super) const PAYER_ID: &str = "QYR5Z8XDVJNXQ";
pub(super) const MERCHANT_ID: &str = "EXXDRVE234567";

/// The merchant.
pub(super) fn payee() -> Value {
    json!({ "email_address": "merchant@example.com", "merchant_id": MERCHANT_ID })
}

/// The payer as a `payment_source`.
pub(super) fn wallet() -> Value {
    json!({
        "email_address": "payer@example.com",
        "account_id": PAYER_ID,
        "account_status": "VERIFIED",
        "name": { "given_name": "Pat", "surname": "Payer" },
        "address": { "country_code": "US" },
    })
}

/// The payer as a member of an order.
pub(super) fn payer() -> Value {
    json!({
        "email_address": "payer@example.com",
        "payer_id": PAYER_ID,
        "name": { "given_name": "Pat", "surname": "Payer" },
        "address": { "country_code": "US" },
    })
}
