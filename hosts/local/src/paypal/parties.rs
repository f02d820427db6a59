//! The one merchant and the one payer.

use serde_json::{Value, json};

/// Also given to the shop with the payer's return.
pub(super) const PAYER_ID: &str = "QYR5Z8XDVJNXQ";
const MERCHANT_ID: &str = "EXXDRVE234567";

/// The merchant.
pub(super) fn payee() -> Value {
    json!({ "email_address": "merchant@example.com", "merchant_id": MERCHANT_ID })
}

/// The payer as a source of payment.
pub(super) fn wallet() -> Value {
    json!({
        "email_address": "payer@example.com",
        "account_id": PAYER_ID,
        "account_status": "VERIFIED",
        "name": { "given_name": "Pat", "surname": "Payer" },
        "address": { "country_code": "US" },
    })
}

/// The payer as a person.
pub(super) fn payer() -> Value {
    json!({
        "email_address": "payer@example.com",
        "payer_id": PAYER_ID,
        "name": { "given_name": "Pat", "surname": "Payer" },
        "address": { "country_code": "US" },
    })
}
