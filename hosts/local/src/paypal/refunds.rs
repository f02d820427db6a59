//! Refunds: captured money that was given back.

use super::{
    authorizations::{later, read_amount},
    captures::{Capture, Outcome},
    errors::{Findings, Refusal},
    idempotency::Action,
    ledger::{Answer, Call, Ledger},
    money::Money,
    order_request::read_text,
    parties::{payee, time},
    webhooks::EventType,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const REFUNDABLE: SignedDuration = SignedDuration::from_hours(180 * 24);

/// A refund, which is always complete.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) capture_id: String,
    amount: Money,
    /// What was refunded of the capture, this refund included.
    total: Decimal,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    note_to_payer: Option<String>,
    created_at: Timestamp,
}

impl Ledger {
    /// The refunds of a capture, oldest first.
    pub(super) fn refunds_of<'a>(
        &'a self,
        capture: &'a Capture,
    ) -> impl Iterator<Item = &'a Refund> {
        let mut refunds: Vec<&Refund> = self
            .refunds
            .values()
            .filter(|refund| refund.capture_id == capture.id)
            .collect();
        refunds.sort_by_key(|refund| refund.total);
        refunds.into_iter()
    }

    /// What was refunded of a capture so far.
    pub(super) fn refunded(&self, capture: &Capture) -> Decimal {
        self.refunds_of(capture)
            .map(|refund| refund.amount.amount)
            .sum()
    }

    /// `POST /v2/payments/captures/{id}/refund`
    pub(super) fn refund(&mut self, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
        if let Some(refund) =
            self.request_ids
                .earlier(call.request_id, Action::Refund, id, call.now)?
        {
            return Ok(Answer::payment(
                false,
                self.refund_body(&refund, call)?,
                call,
            ));
        }
        let capture = self.captures.get(id).ok_or_else(Refusal::not_found)?;
        let refunded = self.refunded(capture);
        let amount = read_amount(call.body)?
            .unwrap_or_else(|| capture.amount.with(capture.amount.amount - refunded));
        let mut findings = Findings::default();
        let mut text = |name, longest| read_text(call.body, name, longest, "", &mut findings);
        let (custom_id, invoice_id, note_to_payer) = (
            text("custom_id", 127),
            text("invoice_id", 127),
            text("note_to_payer", 255),
        );
        findings.verdict()?;
        if let Some(issue) = self.refuses_refund(capture, &amount, invoice_id.as_deref(), call.now)
        {
            return Err(Findings::semantic(issue).refusal());
        }
        let refund = Refund {
            id: self.ids.resource(),
            capture_id: id.to_owned(),
            total: refunded + amount.amount,
            amount,
            custom_id: custom_id.or_else(|| capture.custom_id.clone()),
            invoice_id,
            note_to_payer,
            created_at: call.now,
        };
        if let Some(capture) = self.captures.get_mut(id) {
            capture.updated_at = call.now;
        }
        self.request_ids
            .remember(call.request_id, Action::Refund, id, &refund.id, call.now);
        let refund_id = refund.id.clone();
        self.refunds.insert(refund_id.clone(), refund);
        self.report(EventType::CaptureRefunded, &refund_id, call);
        Ok(Answer::payment(
            true,
            self.refund_body(&refund_id, call)?,
            call,
        ))
    }

    fn refuses_refund(
        &self,
        capture: &Capture,
        amount: &Money,
        invoice: Option<&str>,
        now: Timestamp,
    ) -> Option<&'static str> {
        let left = capture.amount.amount - self.refunded(capture);
        match capture.outcome(now) {
            Outcome::Pending(_) => return Some("PENDING_CAPTURE"),
            Outcome::Declined => return Some("REFUND_NOT_ALLOWED"),
            Outcome::Completed => {}
        }
        if left <= Decimal::ZERO {
            return Some("CAPTURE_FULLY_REFUNDED");
        }
        if now >= later(capture.created_at, REFUNDABLE) {
            return Some("REFUND_TIME_LIMIT_EXCEEDED");
        }
        if amount.currency != capture.amount.currency {
            return Some("REFUND_CAPTURE_CURRENCY_MISMATCH");
        }
        if amount.amount > left {
            return Some("REFUND_AMOUNT_EXCEEDED");
        }
        if invoice.is_some()
            && self
                .refunds
                .values()
                .any(|refund| refund.invoice_id.as_deref() == invoice)
        {
            return Some("DUPLICATE_INVOICE_ID");
        }
        capture
            .refuses_refunds
            .then_some("REFUND_FAILED_INSUFFICIENT_FUNDS")
    }

    /// `GET /v2/payments/refunds/{id}`
    pub(super) fn show_refund(&self, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::new(StatusCode::OK, self.refund_body(id, call)?))
    }

    pub(super) fn refund_body(&self, id: &str, call: &Call<'_>) -> Result<Value, Refusal> {
        let refund = self.refunds.get(id).ok_or_else(Refusal::not_found)?;
        let mut body = refund_core(refund, call);
        // PayPal calls the one who pays back the payer.
        body["payer"] = payee();
        Ok(body)
    }
}

/// What an order shows of a refund.
pub(super) fn refund_core(refund: &Refund, call: &Call<'_>) -> Value {
    let mut body = json!({
        "id": refund.id,
        "status": "COMPLETED",
        "amount": refund.amount.json(),
        "seller_payable_breakdown": {
            "gross_amount": refund.amount.json(),
            "paypal_fee": refund.amount.with(Decimal::ZERO).json(),
            "net_amount": refund.amount.json(),
            "total_refunded_amount": refund.amount.with(refund.total).json(),
        },
        "create_time": time(refund.created_at),
        "update_time": time(refund.created_at),
        "links": [
            call.links.get("self", &format!("/v2/payments/refunds/{}", refund.id)),
            call.links.get("up", &format!("/v2/payments/captures/{}", refund.capture_id)),
        ],
    });
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
