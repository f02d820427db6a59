//! The operations on captures.

use super::{
    super::{
        authorizations::{Authorization, Standing},
        errors::{Findings, Kind, Refusal},
        fields::read_text,
        idempotency::Action,
        ledger::Ledger,
        money::Money,
        request::ApiRequest,
        response::ApiResponse,
        scripted::Scripted,
        times::later,
        webhooks::events::EventType,
    },
    Capture, Funding,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// How often one authorization may be captured.
const MOST_CAPTURES: usize = 10;
/// How long a bank takes to decide on an e-check.
const CHECK_TAKES: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A request that is well-formed.
struct NewCapture {
    amount: Option<Money>,
    invoice_id: Option<String>,
    is_final: bool,
}

impl Ledger {
    /// The captures that a bank has decided on, and what to report of them.
    pub(in crate::paypal) fn decided_captures(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Capture, EventType)> {
        self.captures
            .values()
            .filter(move |capture| {
                matches!(capture.funding, Funding::Check { decided_at, .. } if now >= decided_at)
            })
            .map(move |capture| (capture, capture.event_type(now)))
    }

    /// The captures of an original, oldest first.
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
        if let Some(capture) =
            self.request_ids
                .earlier(request.request_id, Action::Capture, id, request.now)?
        {
            return Ok(ApiResponse::payment(
                false,
                self.capture_body(&capture, request)?,
                request,
            ));
        }
        let original = self.original(id)?;
        let new = read(request.body)?;
        let amount = new.amount.clone().unwrap_or_else(|| {
            let whole = original.amount_of(id);
            whole.with(whole.amount - self.captured(original))
        });
        if let Some(issue) = self.refuses_capture(original, id, &amount, &new, request.now) {
            return Err(Findings::semantic(issue).refusal());
        }
        let busy = original.scripts(Scripted::CaptureBusyOnce) && !original.was_busy;
        let capture = Capture {
            id: String::new(),
            order_id: original.order_id.clone(),
            original_id: original.id.clone(),
            authorization_id: id.to_owned(),
            amount,
            funding: funding(original, request.now),
            refuses_refunds: original.scripts(Scripted::RefundRefused),
            is_final: new.is_final,
            custom_id: original.custom_id.clone(),
            invoice_id: new.invoice_id.or_else(|| original.invoice_id.clone()),
            created_at: request.now,
            updated_at: request.now,
        };
        if let Some(original) = self.authorizations.get_mut(&capture.original_id) {
            original.was_busy |= busy;
            if busy {
                return Err(Refusal::bare(Kind::Unavailable));
            }
            original.closed |= new.is_final;
            original.updated_at = request.now;
        }
        let capture = Capture {
            id: self.ids.resource(),
            ..capture
        };
        self.request_ids.remember(
            request.request_id,
            Action::Capture,
            id,
            &capture.id,
            request.now,
        );
        let (capture_id, event_type) = (capture.id.clone(), capture.event_type(request.now));
        self.captures.insert(capture_id.clone(), capture);
        self.report(event_type, &capture_id, request);
        Ok(ApiResponse::payment(
            true,
            self.capture_body(&capture_id, request)?,
            request,
        ))
    }

    fn refuses_capture(
        &self,
        original: &Authorization,
        id: &str,
        amount: &Money,
        new: &NewCapture,
        now: Timestamp,
    ) -> Option<&'static str> {
        let captured = self.captured(original);
        match original.standing(captured, now) {
            Standing::Captured => return Some("AUTHORIZATION_ALREADY_CAPTURED"),
            Standing::Voided => return Some("AUTHORIZATION_VOIDED"),
            Standing::Expired => return Some("AUTHORIZATION_EXPIRED"),
            Standing::Denied => return Some("AUTHORIZATION_DENIED"),
            Standing::Pending => return Some("TRANSACTION_REFUSED"),
            Standing::Created | Standing::PartiallyCaptured => {}
        }
        if amount.currency != original.amount.currency {
            return Some("AUTH_CAPTURE_CURRENCY_MISMATCH");
        }
        if captured + amount.amount > original.limit() {
            return Some("MAX_CAPTURE_AMOUNT_EXCEEDED");
        }
        if self.captures_of(original).count() >= MOST_CAPTURES {
            return Some("MAX_CAPTURE_COUNT_EXCEEDED");
        }
        if self.invoice_was_captured(original, new) {
            return Some("DUPLICATE_INVOICE_ID");
        }
        if original.scripts(Scripted::FundsLapse) && !original.honoured(id, now) {
            return Some("PAYER_CANNOT_PAY");
        }
        original
            .scripts(Scripted::CaptureDeclined)
            .then_some("TRANSACTION_REFUSED")
    }

    /// An invoice is paid once. The order's own invoice may be paid in parts, one that the capture names may not.
    fn invoice_was_captured(&self, original: &Authorization, new: &NewCapture) -> bool {
        let Some(invoice) = new.invoice_id.as_ref().or(original.invoice_id.as_ref()) else {
            return false;
        };
        self.captures.values().any(|capture| {
            capture.invoice_id.as_ref() == Some(invoice)
                && (new.invoice_id.is_some() || capture.original_id != original.id)
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

fn funding(original: &Authorization, now: Timestamp) -> Funding {
    let check = |clears| Funding::Check {
        decided_at: later(now, CHECK_TAKES),
        clears,
    };
    if original.scripts(Scripted::CapturePending) {
        Funding::Review
    } else if original.scripts(Scripted::CheckClears) {
        check(true)
    } else if original.scripts(Scripted::CheckBounces) {
        check(false)
    } else {
        Funding::Balance
    }
}

fn read(body: &Value) -> Result<NewCapture, Refusal> {
    let amount = Money::read_optional(body)?;
    let mut findings = Findings::default();
    let invoice_id = read_text(body, "invoice_id", 127, "", &mut findings);
    for (name, longest) in [("note_to_payer", 255), ("soft_descriptor", 22)] {
        read_text(body, name, longest, "", &mut findings);
    }
    let is_final = match body.get("final_capture") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        other => {
            findings.malformed("INVALID_PARAMETER_SYNTAX", "/final_capture", other);
            false
        }
    };
    findings.verdict()?;
    Ok(NewCapture {
        amount,
        invoice_id,
        is_final,
    })
}
