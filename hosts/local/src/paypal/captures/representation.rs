//! A capture as the API shows it.

use super::{Capture, CaptureOutcome};
use crate::paypal::{
    errors::Refusal, ledger::Ledger, money::Money, parties::payee, request::ApiRequest,
    times::json_time,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

impl Ledger {
    pub(in crate::paypal) fn capture_body(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<Value, Refusal> {
        let capture = self.captures.get(id).ok_or_else(Refusal::not_found)?;
        let mut body = self.capture_core(capture, request);
        body["payee"] = payee();
        body["supplementary_data"] = json!({
            "related_ids": { "order_id": capture.order_id, "authorization_id": capture.authorization_id },
        });
        Ok(body)
    }

    /// The members that both the capture and its order show.
    pub(in crate::paypal) fn capture_core(
        &self,
        capture: &Capture,
        request: &ApiRequest<'_>,
    ) -> Value {
        let refunded = self.refunded_amount(capture);
        let outcome = capture.outcome(request.now);
        let status = match outcome {
            CaptureOutcome::Pending(_) => "PENDING",
            CaptureOutcome::Declined => "DECLINED",
            CaptureOutcome::Completed if refunded >= capture.amount.value => "REFUNDED",
            CaptureOutcome::Completed if refunded > Decimal::ZERO => "PARTIALLY_REFUNDED",
            CaptureOutcome::Completed => "COMPLETED",
        };
        let own = format!("/v2/payments/captures/{}", capture.id);
        let mut links = vec![request.links.get("self", &own)];
        if matches!(status, "COMPLETED" | "PARTIALLY_REFUNDED") {
            links.push(request.links.post("refund", &format!("{own}/refund")));
        }
        let up = format!("/v2/payments/authorizations/{}", capture.authorization_id);
        links.push(request.links.get("up", &up));
        let mut body = json!({
            "id": capture.id,
            "status": status,
            "amount": capture.amount.json(),
            "final_capture": capture.is_final,
            "seller_protection": {
                "status": "ELIGIBLE",
                "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
            },
            "create_time": json_time(capture.created_at),
            "update_time": json_time(capture.updated_at),
            "links": links,
        });
        match outcome {
            CaptureOutcome::Completed => {
                body["seller_receivable_breakdown"] = breakdown(&capture.amount);
            }
            CaptureOutcome::Pending(reason) => body["status_details"] = json!({ "reason": reason }),
            CaptureOutcome::Declined => {}
        }
        for (name, value) in [
            ("custom_id", &capture.custom_id),
            ("invoice_id", &capture.invoice_id),
        ] {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        body
    }
}

/// PayPal's fee is 3 % in the simulator.
fn breakdown(gross: &Money) -> Value {
    let fee = gross.share(3, 100);
    let net = gross.with_value(gross.value - fee.value);
    json!({ "gross_amount": gross.json(), "paypal_fee": fee.json(), "net_amount": net.json() })
}
