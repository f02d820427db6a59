//! The effects of the console's actions.

use super::{ConsoleAction, ConsoleError};
use crate::paypal::{
    authorizations::AuthorizationStatus,
    captures::{CaptureInput, Reversal},
    course::PaymentStatus,
    disputes::{Dispute, DisputeOutcome, DisputeStatus, MoneyBack, ShownAs},
    ledger::Ledger,
    links::Links,
    money::Money,
    refunds::RefundInput,
    request::ApiRequest,
    webhooks::events::EventType,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

const DEFAULT_REASON: &str = "MERCHANDISE_OR_SERVICE_NOT_RECEIVED";

impl Ledger {
    pub(super) fn act(
        &mut self,
        action: &ConsoleAction,
        now: Timestamp,
        links: Links<'_>,
    ) -> Result<Value, ConsoleError> {
        let request = ApiRequest::internal(now, links);
        match action {
            ConsoleAction::Capture {
                authorization,
                amount,
                is_final,
            } => self.capture_by_hand(authorization, *amount, *is_final, &request),
            ConsoleAction::Void { authorization } => {
                self.void_original(authorization, &request)?;
                Ok(self.authorization_body(authorization, &request)?)
            }
            ConsoleAction::Refund { capture, amount } => {
                let id = self.refund_by_hand(capture, *amount, &request)?;
                Ok(self.refund_body(&id, &request)?)
            }
            ConsoleAction::Reverse {
                capture,
                amount,
                listed,
            } => {
                let money = if *listed {
                    MoneyBack::ReversedAndListed
                } else {
                    MoneyBack::Reversed
                };
                self.give_back(capture, *amount, money, &request)?;
                Ok(self.capture_body(capture, &request)?)
            }
            ConsoleAction::Decide { id, status } => self.decide(id, *status, &request),
            ConsoleAction::OpenDispute {
                capture,
                amount,
                reason,
                shown_as,
            } => self.open_dispute(capture, *amount, reason.as_deref(), *shown_as, &request),
            ConsoleAction::UpdateDispute { dispute, status } => {
                self.open_dispute_mut(dispute)?.status = *status;
                self.dispute_changed(dispute, EventType::DisputeUpdated, &request)
            }
            ConsoleAction::ResolveDispute {
                dispute,
                outcome,
                money,
            } => self.resolve_dispute(dispute, *outcome, *money, &request),
        }
    }

    fn capture_by_hand(
        &mut self,
        authorization: &str,
        amount: Option<Decimal>,
        is_final: bool,
        request: &ApiRequest<'_>,
    ) -> Result<Value, ConsoleError> {
        let authorized = self.original(authorization)?.amount.clone();
        let input = CaptureInput {
            amount: part_of(&authorized, amount)?,
            invoice_id: None,
            is_final,
        };
        let id = self.create_capture(authorization, input, request)?;
        Ok(self.capture_body(&id, request)?)
    }

    fn refund_by_hand(
        &mut self,
        capture: &str,
        amount: Option<Decimal>,
        request: &ApiRequest<'_>,
    ) -> Result<String, ConsoleError> {
        let captured = self.captured_money(capture)?;
        let input = RefundInput {
            amount: part_of(&captured, amount)?,
            ..RefundInput::default()
        };
        Ok(self.create_refund(capture, input, request)?)
    }

    fn captured_money(&self, capture: &str) -> Result<Money, ConsoleError> {
        let capture = self.captures.get(capture).ok_or(ConsoleError::Unknown)?;
        Ok(capture.amount.clone())
    }

    /// Gives captured money back, whatever the merchant may refund.
    fn give_back(
        &mut self,
        capture_id: &str,
        amount: Option<Decimal>,
        money: MoneyBack,
        request: &ApiRequest<'_>,
    ) -> Result<(), ConsoleError> {
        let captured = self.captured_money(capture_id)?;
        let capture = self.captures.get(capture_id).ok_or(ConsoleError::Unknown)?;
        if capture.status(request.now) != PaymentStatus::Completed {
            return Err(ConsoleError::Refused("the capture has no money".to_owned()));
        }
        let left = captured.value - self.refunded_amount(capture, request.now);
        let amount = part_of(&captured, amount)?.map_or(left, |part| part.value);
        if amount <= Decimal::ZERO || amount > left {
            return Err(ConsoleError::Refused(format!(
                "{left} is left of the capture"
            )));
        }
        if money == MoneyBack::Reversed {
            let id = self.ids.next_resource_id();
            if let Some(capture) = self.captures.get_mut(capture_id) {
                capture.updated_at = request.now;
                capture.reversals.push(Reversal {
                    id: id.clone(),
                    at: request.now,
                    amount,
                });
            }
            self.emit_event(EventType::CaptureReversed, &id, request);
            return Ok(());
        }
        let input = RefundInput {
            amount: Some(captured.with_value(amount)),
            ..RefundInput::default()
        };
        let refund = self.insert_refund(capture_id, input, None, request)?;
        let event_type = if money == MoneyBack::Refunded {
            EventType::CaptureRefunded
        } else {
            EventType::CaptureReversed
        };
        self.emit_event(event_type, &refund, request);
        Ok(())
    }

    /// Decides about a pending authorization, capture or refund.
    fn decide(
        &mut self,
        id: &str,
        status: PaymentStatus,
        request: &ApiRequest<'_>,
    ) -> Result<Value, ConsoleError> {
        use PaymentStatus as S;
        let now = request.now;
        let not_pending = || ConsoleError::Refused("it is not PENDING".to_owned());
        let allow = |statuses: &[S]| {
            let refusal = || ConsoleError::Refused("it cannot end so".to_owned());
            statuses.contains(&status).then_some(()).ok_or_else(refusal)
        };
        if let Some(original) = self.authorizations.get(id) {
            if self.authorization_status(original, now) != AuthorizationStatus::Pending {
                return Err(not_pending());
            }
            allow(&[S::Created, S::Denied, S::Voided])?;
            if let Some(original) = self.authorizations.get_mut(id) {
                original.decide(status, now);
            }
            self.emit_timed_events(now, request.links);
            return Ok(self.authorization_body(id, request)?);
        }
        if let Some(capture) = self.captures.get_mut(id) {
            if capture.status(now) != S::Pending {
                return Err(not_pending());
            }
            allow(&[S::Completed, S::Declined, S::Failed])?;
            capture.decide(status, now);
            self.emit_timed_events(now, request.links);
            return Ok(self.capture_body(id, request)?);
        }
        let refund = self.refunds.get_mut(id).ok_or(ConsoleError::Unknown)?;
        if refund.status(now) != S::Pending {
            return Err(not_pending());
        }
        allow(&[S::Completed, S::Failed, S::Cancelled])?;
        refund.decide(status, now);
        self.emit_timed_events(now, request.links);
        Ok(self.refund_body(id, request)?)
    }

    fn open_dispute(
        &mut self,
        capture_id: &str,
        amount: Option<Decimal>,
        reason: Option<&str>,
        shown_as: ShownAs,
        request: &ApiRequest<'_>,
    ) -> Result<Value, ConsoleError> {
        let captured = self.captured_money(capture_id)?;
        let capture = self.captures.get(capture_id).ok_or(ConsoleError::Unknown)?;
        let order_id = capture.order_id.clone();
        let amount = part_of(&captured, amount)?.unwrap_or(captured);
        let id = self.ids.next_dispute_id();
        let dispute = Dispute {
            id: id.clone(),
            order_id,
            capture_id: capture_id.to_owned(),
            amount,
            reason: reason.unwrap_or(DEFAULT_REASON).to_owned(),
            status: DisputeStatus::default(),
            outcome: None,
            shown_as,
            created_at: request.now,
            updated_at: request.now,
        };
        self.disputes.insert(id.clone(), dispute);
        self.dispute_changed(&id, EventType::DisputeCreated, request)
    }

    fn resolve_dispute(
        &mut self,
        id: &str,
        outcome: DisputeOutcome,
        money: Option<MoneyBack>,
        request: &ApiRequest<'_>,
    ) -> Result<Value, ConsoleError> {
        let money = money.unwrap_or_else(|| outcome.usual_money());
        let dispute = self.open_dispute_mut(id)?;
        let (capture, amount) = (dispute.capture_id.clone(), dispute.amount.value);
        dispute.outcome = Some(outcome);
        if money != MoneyBack::None {
            // The merchant may have refunded a part since the dispute began.
            let captured = self.captures.get(&capture).ok_or(ConsoleError::Unknown)?;
            let left = captured.amount.value - self.refunded_amount(captured, request.now);
            if left > Decimal::ZERO {
                self.give_back(&capture, Some(amount.min(left)), money, request)?;
            }
        }
        self.dispute_changed(id, EventType::DisputeResolved, request)
    }

    fn open_dispute_mut(&mut self, id: &str) -> Result<&mut Dispute, ConsoleError> {
        let dispute = self.disputes.get_mut(id).ok_or(ConsoleError::Unknown)?;
        if dispute.outcome.is_some() {
            return Err(ConsoleError::Refused("the dispute is resolved".to_owned()));
        }
        Ok(dispute)
    }

    fn dispute_changed(
        &mut self,
        id: &str,
        event_type: EventType,
        request: &ApiRequest<'_>,
    ) -> Result<Value, ConsoleError> {
        let dispute = self.disputes.get_mut(id).ok_or(ConsoleError::Unknown)?;
        dispute.updated_at = request.now;
        let body = dispute.body(request.links);
        self.emit_event(event_type, id, request);
        Ok(body)
    }
}

/// An amount in the currency of `whole`.
fn part_of(whole: &Money, amount: Option<Decimal>) -> Result<Option<Money>, ConsoleError> {
    let Some(amount) = amount else {
        return Ok(None);
    };
    if amount <= Decimal::ZERO || amount.normalize().scale() > 2 {
        return Err(ConsoleError::Refused(
            "amount must be positive money".to_owned(),
        ));
    }
    Ok(Some(whole.with_value(amount)))
}
