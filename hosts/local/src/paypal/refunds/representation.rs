//! A refund as the API shows it.

use super::Refund;
use crate::paypal::{
    captures::{Capture, Reversal},
    course::PaymentStatus,
    errors::Refusal,
    ledger::Ledger,
    parties::payee,
    request::ApiRequest,
    times::json_time,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

impl Ledger {
    pub(in crate::paypal) fn refund_body(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<Value, Refusal> {
        let refund = self.refunds.get(id).ok_or_else(Refusal::not_found)?;
        let mut body = refund_core(refund, request);
        // In PayPal's schema, the payer of a refund is the merchant.
        body["payer"] = payee();
        Ok(body)
    }
}

/// The members that both the refund and its order show.
pub(in crate::paypal) fn refund_core(refund: &Refund, request: &ApiRequest<'_>) -> Value {
    let mut body = json!({
        "id": refund.id,
        "status": refund.status(request.now).as_str(),
        "amount": refund.amount.json(),
        "seller_payable_breakdown": {
            "gross_amount": refund.amount.json(),
            "paypal_fee": refund.amount.with_value(Decimal::ZERO).json(),
            "net_amount": refund.amount.json(),
            "total_refunded_amount": refund.amount.with_value(refund.running_total).json(),
        },
        "create_time": json_time(refund.created_at),
        "update_time": json_time(refund.updated_at(request.now)),
        "links": [
            request.links.get("self", &format!("/v2/payments/refunds/{}", refund.id)),
            request.links.get("up", &format!("/v2/payments/captures/{}", refund.capture_id)),
        ],
    });
    if refund.status(request.now) == PaymentStatus::Pending {
        let course = refund.course.as_ref();
        let reason = course.map_or("ECHECK", |course| course.reason_or("ECHECK"));
        body["status_details"] = json!({ "reason": reason });
    }
    let texts = [
        ("custom_id", &refund.custom_id),
        ("invoice_id", &refund.invoice_id),
        ("note_to_payer", &refund.note_to_payer),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            body[name] = value.as_str().into();
        }
    }
    body
}

/// An unlisted reversal as its event shows it.
pub(in crate::paypal) fn reversal_body(
    capture: &Capture,
    reversal: &Reversal,
    request: &ApiRequest<'_>,
) -> Value {
    let amount = capture.amount.with_value(reversal.amount).json();
    json!({
        "id": reversal.id,
        "status": "COMPLETED",
        "amount": amount,
        "note_to_payer": "Payment reversed",
        "create_time": json_time(reversal.at),
        "update_time": json_time(reversal.at),
        "links": [
            request.links.get("self", &format!("/v2/payments/refunds/{}", reversal.id)),
            request.links.get("up", &format!("/v2/payments/captures/{}", capture.id)),
        ],
    })
}
