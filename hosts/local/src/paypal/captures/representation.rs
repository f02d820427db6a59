//! A capture as the API shows it.

use super::Capture;
use crate::paypal::{
    course::PaymentStatus, disputes::ShownAs, errors::Refusal, ledger::Ledger, money::Money,
    parties::payee, request::ApiRequest, times::json_time,
};
use jiff::Timestamp;
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

    /// PayPal's status of a capture.
    pub(in crate::paypal) fn capture_status(
        &self,
        capture: &Capture,
        now: Timestamp,
    ) -> &'static str {
        let refunded = self.refunded_amount(capture, now);
        let shown_as = self
            .open_dispute_about(&capture.id)
            .map_or(ShownAs::Unchanged, |dispute| dispute.shown_as);
        match capture.status(now) {
            PaymentStatus::Completed if shown_as == ShownAs::Pending => "PENDING",
            PaymentStatus::Completed if shown_as == ShownAs::PartiallyRefunded => {
                "PARTIALLY_REFUNDED"
            }
            PaymentStatus::Completed if refunded >= capture.amount.value => "REFUNDED",
            PaymentStatus::Completed if refunded > Decimal::ZERO => "PARTIALLY_REFUNDED",
            status => status.as_str(),
        }
    }

    /// The members that both the capture and its order show.
    pub(in crate::paypal) fn capture_core(
        &self,
        capture: &Capture,
        request: &ApiRequest<'_>,
    ) -> Value {
        let status = self.capture_status(capture, request.now);
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
        let course = capture.course();
        match course.status(request.now) {
            PaymentStatus::Completed if status == "PENDING" => {
                body["status_details"] = json!({ "reason": "BUYER_COMPLAINT" });
            }
            PaymentStatus::Completed => {
                body["seller_receivable_breakdown"] = breakdown(&capture.amount);
            }
            PaymentStatus::Pending => {
                body["status_details"] = json!({ "reason": course.reason() });
            }
            _ => {}
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
