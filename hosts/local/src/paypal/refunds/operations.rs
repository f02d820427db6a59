//! The operations on refunds.

use super::Refund;
use crate::paypal::{
    captures::{Capture, CaptureOutcome},
    errors::{Findings, Refusal},
    fields::read_body_text,
    idempotency::Action,
    ledger::Ledger,
    money::Money,
    request::ApiRequest,
    response::ApiResponse,
    times::saturating_add,
    webhooks::events::EventType,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::Value;

/// The time after a capture in which it can be refunded.
const REFUND_PERIOD: SignedDuration = SignedDuration::from_hours(180 * 24);

/// The body of a request to refund.
struct RefundInput {
    amount: Option<Money>,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    note_to_payer: Option<String>,
}

impl Ledger {
    /// The refunds of a capture, oldest first.
    pub(in crate::paypal) fn refunds_of<'a>(
        &'a self,
        capture: &'a Capture,
    ) -> impl Iterator<Item = &'a Refund> {
        let mut refunds: Vec<&Refund> = self
            .refunds
            .values()
            .filter(|refund| refund.capture_id == capture.id)
            .collect();
        refunds.sort_by_key(|refund| refund.running_total);
        refunds.into_iter()
    }

    pub(in crate::paypal) fn refunded_amount(&self, capture: &Capture) -> Decimal {
        self.refunds_of(capture)
            .map(|refund| refund.amount.value)
            .sum()
    }

    /// `POST /v2/payments/captures/{id}/refund`
    pub(in crate::paypal) fn refund(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        let result = self.idempotent(Action::Refund, id, request, |ledger| {
            ledger.create_refund(id, request)
        })?;
        let body = self.refund_body(result.id(), request)?;
        Ok(ApiResponse::payment(result.status(), body, request))
    }

    /// Returns the refund's id.
    fn create_refund(
        &mut self,
        capture_id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<String, Refusal> {
        let capture = self
            .captures
            .get(capture_id)
            .ok_or_else(Refusal::not_found)?;
        let refunded = self.refunded_amount(capture);
        let input = read(request.body)?;
        let amount = input
            .amount
            .unwrap_or_else(|| capture.amount.with_value(capture.amount.value - refunded));
        let invoice = input.invoice_id.as_deref();
        if let Some(issue) = self.refund_issue(capture, &amount, invoice, request.now) {
            return Err(Findings::semantic(issue).into_refusal());
        }
        let id = self.ids.next_resource_id();
        let refund = Refund {
            id: id.clone(),
            capture_id: capture_id.to_owned(),
            running_total: refunded + amount.value,
            amount,
            custom_id: input.custom_id.or_else(|| capture.custom_id.clone()),
            invoice_id: input.invoice_id,
            note_to_payer: input.note_to_payer,
            created_at: request.now,
        };
        if let Some(capture) = self.captures.get_mut(capture_id) {
            capture.updated_at = request.now;
        }
        self.refunds.insert(id.clone(), refund);
        self.emit_event(EventType::CaptureRefunded, &id, request);
        Ok(id)
    }

    fn refund_issue(
        &self,
        capture: &Capture,
        amount: &Money,
        invoice: Option<&str>,
        now: Timestamp,
    ) -> Option<&'static str> {
        let refundable = capture.amount.value - self.refunded_amount(capture);
        match capture.outcome(now) {
            CaptureOutcome::Pending(_) => return Some("PENDING_CAPTURE"),
            CaptureOutcome::Declined => return Some("REFUND_NOT_ALLOWED"),
            CaptureOutcome::Completed => {}
        }
        if refundable <= Decimal::ZERO {
            return Some("CAPTURE_FULLY_REFUNDED");
        }
        if now >= saturating_add(capture.created_at, REFUND_PERIOD) {
            return Some("REFUND_TIME_LIMIT_EXCEEDED");
        }
        if amount.currency != capture.amount.currency {
            return Some("REFUND_CAPTURE_CURRENCY_MISMATCH");
        }
        if amount.value > refundable {
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
    pub(in crate::paypal) fn show_refund(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        Ok(ApiResponse::new(
            StatusCode::OK,
            self.refund_body(id, request)?,
        ))
    }
}

fn read(body: &Value) -> Result<RefundInput, Refusal> {
    let amount = Money::read_optional(body)?;
    let mut findings = Findings::default();
    let mut text = |name, max_length| read_body_text(body, name, max_length, &mut findings);
    let input = RefundInput {
        amount,
        custom_id: text("custom_id", 127),
        invoice_id: text("invoice_id", 127),
        note_to_payer: text("note_to_payer", 255),
    };
    findings.into_result()?;
    Ok(input)
}
