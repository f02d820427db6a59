//! Captures: authorized money that was taken.

use super::{
    authorizations::{Authorization, Standing, later, read_amount},
    errors::{Findings, Kind, Refusal},
    idempotency::Action,
    ledger::{Answer, Call, Ledger},
    money::Money,
    order_request::read_text,
    parties::{payee, time},
    scripted::Scripted,
    webhooks::EventType,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How often one authorization may be captured.
const MOST_CAPTURES: usize = 10;
/// How long a bank takes to decide on an e-check.
const CHECK_TAKES: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Where a capture's money comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Funding {
    #[default]
    Balance,
    /// Somebody at PayPal looks at it, for ever.
    Review,
    /// A bank decides, and time shows how.
    Check { decided_at: Timestamp, clears: bool },
}

/// What a capture came to, refunds aside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Completed,
    /// Not yet known, for this reason.
    Pending(&'static str),
    /// No money came. The authorization is used up all the same.
    Declined,
}

/// A capture; whether it was refunded is for its refunds to say.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Capture {
    pub(super) id: String,
    pub(super) order_id: String,
    /// The original, whichever id was captured.
    original_id: String,
    /// The id that was captured.
    pub(super) authorization_id: String,
    pub(super) amount: Money,
    #[serde(default)]
    funding: Funding,
    /// The script of the purchase unit makes its refunds fail.
    pub(super) refuses_refunds: bool,
    /// No further capture was to follow.
    is_final: bool,
    pub(super) custom_id: Option<String>,
    invoice_id: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// A request that is well-formed.
struct NewCapture {
    amount: Option<Money>,
    invoice_id: Option<String>,
    is_final: bool,
}

impl Capture {
    pub(super) fn outcome(&self, now: Timestamp) -> Outcome {
        match self.funding {
            Funding::Review => Outcome::Pending("PENDING_REVIEW"),
            Funding::Check { decided_at, .. } if now < decided_at => Outcome::Pending("ECHECK"),
            Funding::Check { clears: false, .. } => Outcome::Declined,
            Funding::Balance | Funding::Check { clears: true, .. } => Outcome::Completed,
        }
    }

    /// The event that says what it came to.
    fn event_type(&self, now: Timestamp) -> EventType {
        match self.outcome(now) {
            Outcome::Completed => EventType::CaptureCompleted,
            Outcome::Pending(_) => EventType::CapturePending,
            Outcome::Declined => EventType::CaptureDeclined,
        }
    }
}

impl Ledger {
    /// The captures that a bank has decided on, and what to report of them.
    pub(super) fn decided_captures(
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
    pub(super) fn captures_of<'a>(
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
    pub(super) fn capture(&mut self, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
        if let Some(capture) =
            self.request_ids
                .earlier(call.request_id, Action::Capture, id, call.now)?
        {
            return Ok(Answer::payment(
                false,
                self.capture_body(&capture, call)?,
                call,
            ));
        }
        let original = self.original(id)?;
        let new = read(call.body)?;
        let amount = new.amount.clone().unwrap_or_else(|| {
            let whole = original.amount_of(id);
            whole.with(whole.amount - self.captured(original))
        });
        if let Some(issue) = self.refuses_capture(original, id, &amount, &new, call.now) {
            return Err(Findings::semantic(issue).refusal());
        }
        let busy = original.scripts(Scripted::CaptureBusyOnce) && !original.was_busy;
        let capture = Capture {
            id: String::new(),
            order_id: original.order_id.clone(),
            original_id: original.id.clone(),
            authorization_id: id.to_owned(),
            amount,
            funding: funding(original, call.now),
            refuses_refunds: original.scripts(Scripted::RefundRefused),
            is_final: new.is_final,
            custom_id: original.custom_id.clone(),
            invoice_id: new.invoice_id.or_else(|| original.invoice_id.clone()),
            created_at: call.now,
            updated_at: call.now,
        };
        if let Some(original) = self.authorizations.get_mut(&capture.original_id) {
            original.was_busy |= busy;
            if busy {
                return Err(Refusal::bare(Kind::Unavailable));
            }
            original.closed |= new.is_final;
            original.updated_at = call.now;
        }
        let capture = Capture {
            id: self.ids.resource(),
            ..capture
        };
        self.request_ids
            .remember(call.request_id, Action::Capture, id, &capture.id, call.now);
        let (capture_id, event_type) = (capture.id.clone(), capture.event_type(call.now));
        self.captures.insert(capture_id.clone(), capture);
        self.report(event_type, &capture_id, call);
        Ok(Answer::payment(
            true,
            self.capture_body(&capture_id, call)?,
            call,
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
    pub(super) fn show_capture(&self, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::new(StatusCode::OK, self.capture_body(id, call)?))
    }

    pub(super) fn capture_body(&self, id: &str, call: &Call<'_>) -> Result<Value, Refusal> {
        let capture = self.captures.get(id).ok_or_else(Refusal::not_found)?;
        let mut body = self.capture_core(capture, call);
        body["payee"] = payee();
        body["supplementary_data"] = json!({
            "related_ids": { "order_id": capture.order_id, "authorization_id": capture.authorization_id },
        });
        Ok(body)
    }

    pub(super) fn capture_core(&self, capture: &Capture, call: &Call<'_>) -> Value {
        let refunded = self.refunded(capture);
        let outcome = capture.outcome(call.now);
        let status = match outcome {
            Outcome::Pending(_) => "PENDING",
            Outcome::Declined => "DECLINED",
            Outcome::Completed if refunded >= capture.amount.amount => "REFUNDED",
            Outcome::Completed if refunded > Decimal::ZERO => "PARTIALLY_REFUNDED",
            Outcome::Completed => "COMPLETED",
        };
        let own = format!("/v2/payments/captures/{}", capture.id);
        let mut links = vec![call.links.get("self", &own)];
        if matches!(status, "COMPLETED" | "PARTIALLY_REFUNDED") {
            links.push(call.links.post("refund", &format!("{own}/refund")));
        }
        let up = format!("/v2/payments/authorizations/{}", capture.authorization_id);
        links.push(call.links.get("up", &up));
        let mut body = json!({
            "id": capture.id,
            "status": status,
            "amount": capture.amount.json(),
            "final_capture": capture.is_final,
            "seller_protection": {
                "status": "ELIGIBLE",
                "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
            },
            "create_time": time(capture.created_at),
            "update_time": time(capture.updated_at),
            "links": links,
        });
        match outcome {
            Outcome::Completed => {
                body["seller_receivable_breakdown"] = breakdown(&capture.amount);
            }
            Outcome::Pending(reason) => body["status_details"] = json!({ "reason": reason }),
            Outcome::Declined => {}
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

/// PayPal's part, taken to be 3 %, and what is left.
fn breakdown(gross: &Money) -> Value {
    let fee = gross.share(3, 100);
    let net = gross.with(gross.amount - fee.amount);
    json!({ "gross_amount": gross.json(), "paypal_fee": fee.json(), "net_amount": net.json() })
}

fn read(body: &Value) -> Result<NewCapture, Refusal> {
    let amount = read_amount(body)?;
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
