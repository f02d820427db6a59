//! The operations on captures.

use super::{Capture, Funding};
use crate::paypal::{
    authorizations::{Authorization, AuthorizationStatus},
    course::Course,
    errors::{Findings, Refusal, RefusalKind},
    fields::read_body_text,
    idempotency::Action,
    ledger::Ledger,
    money::Money,
    operation::Operation,
    request::ApiRequest,
    response::ApiResponse,
    scripted_outcome::{self, ScriptedOutcome},
    webhooks::events::EventType,
};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

const MAX_CAPTURES: usize = 10;

/// The body of a request to capture.
pub(in crate::paypal) struct CaptureInput {
    pub(in crate::paypal) amount: Option<Money>,
    pub(in crate::paypal) invoice_id: Option<String>,
    pub(in crate::paypal) is_final: bool,
}

impl Ledger {
    /// The captures that PayPal or the payer's bank has decided on, with the event to report.
    pub(in crate::paypal) fn decided_captures(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Capture, EventType)> {
        self.captures
            .values()
            .filter(move |capture| capture.course().is_decided(now))
            .filter_map(move |capture| Some((capture, capture.event_type(now)?)))
    }

    /// The captures of an original authorization, oldest first.
    pub(in crate::paypal) fn captures_of<'a>(
        &'a self,
        original: &'a Authorization,
    ) -> impl Iterator<Item = &'a Capture> {
        let mut captures: Vec<&Capture> = self
            .captures
            .values()
            .filter(|capture| capture.original_id == original.id)
            .collect();
        captures.sort_by_key(|capture| capture.created_at);
        captures.into_iter()
    }

    /// `POST /v2/payments/authorizations/{id}/capture`
    pub(in crate::paypal) fn capture(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        let result = self.idempotent(Action::Capture, id, request, |ledger| {
            let input = read(request.body)?;
            ledger.create_capture(id, input, request)
        })?;
        let body = self.capture_body(result.id(), request)?;
        Ok(ApiResponse::payment(result.status(), body, request))
    }

    /// Returns the capture's id.
    pub(in crate::paypal) fn create_capture(
        &mut self,
        authorization_id: &str,
        input: CaptureInput,
        request: &ApiRequest<'_>,
    ) -> Result<String, Refusal> {
        let original = self.original(authorization_id)?;
        let amount = input.amount.clone().unwrap_or_else(|| {
            let authorized = original.amount_of(authorization_id);
            authorized.with_value(authorized.value - self.captured(original, request.now).amount)
        });
        let issue = self.capture_issue(original, authorization_id, &amount, &input, request.now);
        if let Some(issue) = issue {
            return Err(Findings::semantic(issue).into_refusal());
        }
        request.decline()?;
        let outcome = request
            .outcome()
            .or_else(|| scripted_outcome::outcome(Operation::Capture, original.description()));
        let course = outcome.map(|outcome| Course::begin(&outcome, request.now));
        let is_busy = original.is_scripted(ScriptedOutcome::CaptureBusyOnce) && !original.was_busy;
        let capture = Capture {
            id: String::new(),
            order_id: original.order_id.clone(),
            original_id: original.id.clone(),
            authorization_id: authorization_id.to_owned(),
            amount,
            funding: Funding::of(course.as_ref(), request.now),
            course,
            reversals: Vec::new(),
            refuses_refunds: original.is_scripted(ScriptedOutcome::RefundRefused),
            is_final: input.is_final,
            custom_id: original.custom_id.clone(),
            invoice_id: input.invoice_id.or_else(|| original.invoice_id.clone()),
            created_at: request.now,
            updated_at: request.now,
        };
        if let Some(original) = self.authorizations.get_mut(&capture.original_id) {
            original.was_busy |= is_busy;
            if is_busy {
                return Err(Refusal::without_details(RefusalKind::Unavailable));
            }
            original.has_final_capture |= input.is_final;
            original.updated_at = request.now;
        }
        let id = self.ids.next_resource_id();
        let event_type = capture.event_type(request.now);
        let capture = Capture {
            id: id.clone(),
            ..capture
        };
        self.captures.insert(id.clone(), capture);
        if let Some(event_type) = event_type {
            self.emit_event(event_type, &id, request);
        }
        Ok(id)
    }

    fn capture_issue(
        &self,
        original: &Authorization,
        id: &str,
        amount: &Money,
        input: &CaptureInput,
        now: Timestamp,
    ) -> Option<&'static str> {
        let captured = self.captured(original, now);
        match original.status(captured, now) {
            AuthorizationStatus::Captured => return Some("AUTHORIZATION_ALREADY_CAPTURED"),
            AuthorizationStatus::Voided => return Some("AUTHORIZATION_VOIDED"),
            AuthorizationStatus::Expired => return Some("AUTHORIZATION_EXPIRED"),
            AuthorizationStatus::Denied => return Some("AUTHORIZATION_DENIED"),
            AuthorizationStatus::Pending => return Some("TRANSACTION_REFUSED"),
            AuthorizationStatus::Created | AuthorizationStatus::PartiallyCaptured => {}
        }
        if amount.currency != original.amount.currency {
            return Some("AUTH_CAPTURE_CURRENCY_MISMATCH");
        }
        if captured.amount + amount.value > original.capture_limit() {
            return Some("MAX_CAPTURE_AMOUNT_EXCEEDED");
        }
        if self.captures_of(original).count() >= MAX_CAPTURES {
            return Some("MAX_CAPTURE_COUNT_EXCEEDED");
        }
        if self.is_invoice_duplicate(original, input) {
            return Some("DUPLICATE_INVOICE_ID");
        }
        scripted_outcome::refusal(
            Operation::Capture,
            original.description(),
            original.is_honored(id, now),
        )
    }

    /// An invoice is paid once. Several captures may pay the order's invoice in parts. An invoice
    /// in the request to capture cannot be paid in parts.
    fn is_invoice_duplicate(&self, original: &Authorization, input: &CaptureInput) -> bool {
        let Some(invoice) = input.invoice_id.as_ref().or(original.invoice_id.as_ref()) else {
            return false;
        };
        self.captures.values().any(|capture| {
            capture.invoice_id.as_ref() == Some(invoice)
                && (input.invoice_id.is_some() || capture.original_id != original.id)
        })
    }

    /// `GET /v2/payments/captures/{id}`
    pub(in crate::paypal) fn show_capture(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        Ok(ApiResponse::new(
            StatusCode::OK,
            self.capture_body(id, request)?,
        ))
    }
}

fn read(body: &Value) -> Result<CaptureInput, Refusal> {
    let amount = Money::read_optional(body)?;
    let mut findings = Findings::default();
    let invoice_id = read_body_text(body, "invoice_id", 127, &mut findings);
    for (name, max_length) in [("note_to_payer", 255), ("soft_descriptor", 22)] {
        read_body_text(body, name, max_length, &mut findings);
    }
    let is_final = match body.get("final_capture") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        other => {
            findings.add_syntax("INVALID_PARAMETER_SYNTAX", "/final_capture", other);
            false
        }
    };
    findings.into_result()?;
    Ok(CaptureInput {
        amount,
        invoice_id,
        is_final,
    })
}
