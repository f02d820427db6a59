//! The operations on refunds.

use super::{
    super::{
        captures::{Capture, CaptureOutcome},
        errors::{Findings, Refusal},
        fields::read_text,
        idempotency::Action,
        ledger::Ledger,
        money::Money,
        request::ApiRequest,
        response::ApiResponse,
        times::saturating_add,
        webhooks::events::EventType,
    },
    Refund,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

/// The time after a capture in which it can be refunded.
const REFUND_PERIOD: SignedDuration = SignedDuration::from_hours(180 * 24);

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
        refunds.sort_by_key(|refund| refund.total);
        refunds.into_iter()
    }

    pub(in crate::paypal) fn refunded_amount(&self, capture: &Capture) -> Decimal {
        self.refunds_of(capture)
            .map(|refund| refund.amount.amount)
            .sum()
    }

    /// `POST /v2/payments/captures/{id}/refund`
    pub(in crate::paypal) fn refund(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        if let Some(refund_id) =
            self.request_ids
                .find_result(request.request_id, Action::Refund, id, request.now)?
        {
            return Ok(ApiResponse::payment(
                false,
                self.refund_body(&refund_id, request)?,
                request,
            ));
        }
        let capture = self.captures.get(id).ok_or_else(Refusal::not_found)?;
        let refunded = self.refunded_amount(capture);
        let amount = Money::read_optional(request.body)?
            .unwrap_or_else(|| capture.amount.with_amount(capture.amount.amount - refunded));
        let mut findings = Findings::default();
        let mut text =
            |name, max_length| read_text(request.body, name, max_length, "", &mut findings);
        let (custom_id, invoice_id, note_to_payer) = (
            text("custom_id", 127),
            text("invoice_id", 127),
            text("note_to_payer", 255),
        );
        findings.into_result()?;
        if let Some(issue) = self.refund_issue(capture, &amount, invoice_id.as_deref(), request.now)
        {
            return Err(Findings::semantic(issue).into_refusal());
        }
        let refund = Refund {
            id: self.ids.next_resource_id(),
            capture_id: id.to_owned(),
            total: refunded + amount.amount,
            amount,
            custom_id: custom_id.or_else(|| capture.custom_id.clone()),
            invoice_id,
            note_to_payer,
            created_at: request.now,
        };
        if let Some(capture) = self.captures.get_mut(id) {
            capture.updated_at = request.now;
        }
        self.request_ids.record(
            request.request_id,
            Action::Refund,
            id,
            &refund.id,
            request.now,
        );
        let refund_id = refund.id.clone();
        self.refunds.insert(refund_id.clone(), refund);
        self.report(EventType::CaptureRefunded, &refund_id, request);
        Ok(ApiResponse::payment(
            true,
            self.refund_body(&refund_id, request)?,
            request,
        ))
    }

    fn refund_issue(
        &self,
        capture: &Capture,
        amount: &Money,
        invoice: Option<&str>,
        now: Timestamp,
    ) -> Option<&'static str> {
        let refundable = capture.amount.amount - self.refunded_amount(capture);
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
        if amount.amount > refundable {
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
