//! The operations on authorizations.

use super::{Authorization, AuthorizationStatus};
use crate::paypal::{
    errors::{Findings, Refusal},
    idempotency::Action,
    ledger::Ledger,
    money::Money,
    request::ApiRequest,
    response::ApiResponse,
    scripted_outcome::ScriptedOutcome,
    webhooks::events::EventType,
};
use http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;

impl Ledger {
    /// Finds the original authorization by its own id or by the id of a reauthorization.
    pub(in crate::paypal) fn original(&self, id: &str) -> Result<&Authorization, Refusal> {
        self.authorizations
            .get(id)
            .or_else(|| {
                self.authorizations
                    .values()
                    .find(|original| original.reauthorization(id).is_some())
            })
            .ok_or_else(Refusal::not_found)
    }

    pub(in crate::paypal) fn captured_amount(&self, original: &Authorization) -> Decimal {
        self.captures_of(original)
            .map(|capture| capture.amount.value)
            .sum()
    }

    /// Expired authorizations with money that was neither captured nor voided.
    pub(in crate::paypal) fn expired_authorizations(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = &Authorization> {
        self.authorizations.values().filter(move |original| {
            // Compares the time first: summing the captures is slow.
            now >= original.expires_at
                && original.status(self.captured_amount(original), now)
                    == AuthorizationStatus::Expired
        })
    }

    /// `GET /v2/payments/authorizations/{id}`
    pub(in crate::paypal) fn show_authorization(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        Ok(ApiResponse::new(
            StatusCode::OK,
            self.authorization_body(id, request)?,
        ))
    }

    /// `POST /v2/payments/authorizations/{id}/void`
    pub(in crate::paypal) fn void(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        self.idempotent(Action::Void, id, request, |ledger| {
            ledger.void_original(id, request)?;
            Ok(id.to_owned())
        })?;
        if request.prefers_representation {
            return self.show_authorization(id, request);
        }
        Ok(ApiResponse {
            status: StatusCode::NO_CONTENT,
            body: None,
        })
    }

    fn void_original(&mut self, id: &str, request: &ApiRequest<'_>) -> Result<(), Refusal> {
        let original = self.original(id)?;
        let issue = match original.status(self.captured_amount(original), request.now) {
            _ if original.id != id => Some("CANNOT_BE_VOIDED"),
            AuthorizationStatus::Captured => Some("PREVIOUSLY_CAPTURED"),
            AuthorizationStatus::Voided
            | AuthorizationStatus::Expired
            | AuthorizationStatus::Denied => Some("PREVIOUSLY_VOIDED"),
            AuthorizationStatus::Created
            | AuthorizationStatus::Pending
            | AuthorizationStatus::PartiallyCaptured => None,
        };
        if let Some(issue) = issue {
            return Err(Findings::semantic(issue).into_refusal());
        }
        if let Some(original) = self.authorizations.get_mut(id) {
            original.is_voided = true;
            original.updated_at = request.now;
        }
        self.emit_event(EventType::AuthorizationVoided, id, request);
        Ok(())
    }

    /// `POST /v2/payments/authorizations/{id}/reauthorize`
    pub(in crate::paypal) fn reauthorize(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        let result = self.idempotent(Action::Reauthorize, id, request, |ledger| {
            ledger.create_reauthorization(id, request)
        })?;
        let body = self.authorization_body(result.id(), request)?;
        Ok(ApiResponse::payment(result.status(), body, request))
    }

    /// Returns the reauthorization's id.
    fn create_reauthorization(
        &mut self,
        authorization_id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<String, Refusal> {
        let original = self.original(authorization_id)?;
        let amount = Money::read_optional(request.body)?.unwrap_or_else(|| original.amount.clone());
        let issue = self.reauthorization_issue(original, authorization_id, &amount, request.now);
        if let Some(issue) = issue {
            return Err(Findings::semantic(issue).into_refusal());
        }
        let original_id = original.id.clone();
        let id = self.ids.next_resource_id();
        if let Some(original) = self.authorizations.get_mut(&original_id) {
            original.add_reauthorization(id.clone(), amount, request.now);
        }
        self.emit_event(EventType::AuthorizationCreated, &id, request);
        Ok(id)
    }

    fn reauthorization_issue(
        &self,
        original: &Authorization,
        id: &str,
        amount: &Money,
        now: Timestamp,
    ) -> Option<&'static str> {
        let is_unlimited = original.is_scripted(ScriptedOutcome::ReauthorizeAgain);
        if original.id != id && !is_unlimited {
            return Some("REAUTHORIZATION_NOT_SUPPORTED");
        }
        match original.status(self.captured_amount(original), now) {
            AuthorizationStatus::Captured => return Some("AUTHORIZATION_ALREADY_CAPTURED"),
            AuthorizationStatus::Voided | AuthorizationStatus::Expired => {
                return Some("AUTHORIZATION_VOIDED");
            }
            AuthorizationStatus::Pending | AuthorizationStatus::Denied => {
                return Some("TRANSACTION_REFUSED");
            }
            AuthorizationStatus::Created | AuthorizationStatus::PartiallyCaptured => {}
        }
        if !original.reauthorizations.is_empty() && !is_unlimited {
            return Some("REAUTHORIZATION_NOT_SUPPORTED");
        }
        let latest_id = original
            .reauthorizations
            .last()
            .map_or(original.id.as_str(), |reauthorization| &reauthorization.id);
        if original.is_honored(latest_id, now) {
            return Some("REAUTHORIZATION_TOO_SOON");
        }
        if amount.currency != original.amount.currency {
            return Some("AUTH_CURRENCY_MISMATCH");
        }
        (amount.value > original.capture_limit()).then_some("TRANSACTION_REFUSED")
    }
}
