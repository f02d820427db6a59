//! The operations on refunds.

use super::Refund;
use crate::paypal::{
    captures::Capture,
    course::{Course, PaymentStatus},
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
#[derive(Default)]
pub(in crate::paypal) struct RefundInput {
    pub(in crate::paypal) amount: Option<Money>,
    pub(in crate::paypal) custom_id: Option<String>,
    pub(in crate::paypal) invoice_id: Option<String>,
    pub(in crate::paypal) note_to_payer: Option<String>,
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
        refunds.sort_by_key(|refund| (refund.created_at, refund.running_total));
        refunds.into_iter()
    }

    /// The money that went back, by refunds and by reversals.
    pub(in crate::paypal) fn refunded_amount(&self, capture: &Capture, now: Timestamp) -> Decimal {
        self.refunds_with(capture, |refund| {
            refund.status(now) == PaymentStatus::Completed
        })
    }

    /// The money that went back or is on its way.
    fn reserved_amount(&self, capture: &Capture, now: Timestamp) -> Decimal {
        self.refunds_with(capture, |refund| {
            let status = refund.status(now);
            matches!(status, PaymentStatus::Completed | PaymentStatus::Pending)
        })
    }

    fn refunds_with(&self, capture: &Capture, counts: impl Fn(&Refund) -> bool) -> Decimal {
        let refunds = self.refunds_of(capture).filter(|refund| counts(refund));
        let refunded: Decimal = refunds.map(|refund| refund.amount.value).sum();
        refunded + capture.reversed_amount()
    }

    /// The refunds that PayPal has decided on, with the events to report.
    pub(in crate::paypal) fn decided_refunds(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Refund, &'static [EventType])> {
        self.refunds.values().filter_map(move |refund| {
            let course = refund.course.as_ref().filter(|it| it.is_decided(now))?;
            Some((refund, course.refund_events(now)))
        })
    }

    /// `POST /v2/payments/captures/{id}/refund`
    pub(in crate::paypal) fn refund(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        let result = self.idempotent(Action::Refund, id, request, |ledger| {
            let input = read(request.body)?;
            ledger.create_refund(id, input, request)
        })?;
        let body = self.refund_body(result.id(), request)?;
        Ok(ApiResponse::payment(result.status(), body, request))
    }

    /// Returns the refund's id.
    pub(in crate::paypal) fn create_refund(
        &mut self,
        capture_id: &str,
        input: RefundInput,
        request: &ApiRequest<'_>,
    ) -> Result<String, Refusal> {
        let capture = self
            .captures
            .get(capture_id)
            .ok_or_else(Refusal::not_found)?;
        let reserved = self.reserved_amount(capture, request.now);
        let amount = input
            .amount
            .unwrap_or_else(|| capture.amount.with_value(capture.amount.value - reserved));
        let invoice = input.invoice_id.as_deref();
        if let Some(issue) = self.refund_issue(capture, &amount, invoice, request.now) {
            return Err(Findings::semantic(issue).into_refusal());
        }
        request.decline()?;
        let outcome = request.outcome();
        let course = outcome.map(|outcome| Course::begin(&outcome, request.now));
        let events = course
            .as_ref()
            .map_or(&[EventType::CaptureRefunded][..], |course| {
                course.refund_events(request.now)
            });
        let id = self.insert_refund(
            capture_id,
            RefundInput {
                amount: Some(amount),
                ..input
            },
            course,
            request,
        )?;
        for event_type in events {
            self.emit_event(*event_type, &id, request);
        }
        Ok(id)
    }

    /// Records a refund, whatever the merchant may refund. Emits no event.
    pub(in crate::paypal) fn insert_refund(
        &mut self,
        capture_id: &str,
        input: RefundInput,
        course: Option<Course>,
        request: &ApiRequest<'_>,
    ) -> Result<String, Refusal> {
        let capture = self
            .captures
            .get(capture_id)
            .ok_or_else(Refusal::not_found)?;
        let reserved = self.reserved_amount(capture, request.now);
        let amount = input.amount.ok_or_else(Refusal::not_found)?;
        let id = self.ids.next_resource_id();
        let refund = Refund {
            id: id.clone(),
            capture_id: capture_id.to_owned(),
            running_total: reserved + amount.value,
            amount,
            course,
            custom_id: input.custom_id.or_else(|| capture.custom_id.clone()),
            invoice_id: input.invoice_id,
            note_to_payer: input.note_to_payer,
            created_at: request.now,
        };
        if let Some(capture) = self.captures.get_mut(capture_id) {
            capture.updated_at = request.now;
        }
        self.refunds.insert(id.clone(), refund);
        Ok(id)
    }

    fn refund_issue(
        &self,
        capture: &Capture,
        amount: &Money,
        invoice: Option<&str>,
        now: Timestamp,
    ) -> Option<&'static str> {
        let refundable = capture.amount.value - self.reserved_amount(capture, now);
        match capture.status(now) {
            PaymentStatus::Completed => {}
            PaymentStatus::Pending => return Some("PENDING_CAPTURE"),
            _ => return Some("REFUND_NOT_ALLOWED"),
        }
        if !capture.reversals.is_empty() {
            return Some("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK");
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
        if amount.value < refundable && self.open_dispute_about(&capture.id).is_some() {
            return Some("TRANSACTION_DISPUTED");
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
