//! The operations on authorizations.

use super::{Authorization, AuthorizationStatus, CapturedPart};
use crate::paypal::{
    behaviour::Unkind,
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

    pub(in crate::paypal) fn captured(
        &self,
        original: &Authorization,
        now: Timestamp,
    ) -> CapturedPart {
        let mut captured = CapturedPart {
            amount: Decimal::ZERO,
            is_final: false,
        };
        for capture in self.captures_of(original) {
            if capture.counts(now) {
                captured.amount += capture.amount.value;
                captured.is_final |= capture.is_final;
            }
        }
        captured
    }

    /// The status of an original authorization and of its reauthorizations.
    pub(in crate::paypal) fn authorization_status(
        &self,
        original: &Authorization,
        now: Timestamp,
    ) -> AuthorizationStatus {
        original.status(self.captured(original, now), now)
    }

    /// The pending authorizations that PayPal has decided on, with the event to report.
    pub(in crate::paypal) fn decided_authorizations(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Authorization, EventType)> {
        self.authorizations
            .values()
            .filter(|original| !original.is_voided)
            .filter_map(move |original| {
                let course = original.course.as_ref().filter(|it| it.is_decided(now))?;
                Some((original, course.authorization_event(now)?))
            })
    }

    /// Expired authorizations with money that was neither captured nor voided.
    pub(in crate::paypal) fn expired_authorizations(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = &Authorization> {
        self.authorizations.values().filter(move |original| {
            // Compares the time first: summing the captures is slow.
            now >= original.expires_at
                && self.authorization_status(original, now) == AuthorizationStatus::Expired
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

    pub(in crate::paypal) fn void_original(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<(), Refusal> {
        let original = self.original(id)?;
        let issue = match self.authorization_status(original, request.now) {
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
        request.decline()?;
        if let Some(original) = self.authorizations.get_mut(id) {
            original.void(request.now);
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
        let issue = self.reauthorization_issue(original, authorization_id, &amount, request);
        if let Some(issue) = issue {
            return Err(Findings::semantic(issue).into_refusal());
        }
        request.decline()?;
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
        request: &ApiRequest<'_>,
    ) -> Option<&'static str> {
        let now = request.now;
        let allows_many = request
            .unkind
            .is_some_and(Unkind::allows_many_reauthorizations);
        let is_unlimited = original.is_scripted(ScriptedOutcome::ReauthorizeAgain);
        if original.id != id && !is_unlimited {
            return Some("REAUTHORIZATION_NOT_SUPPORTED");
        }
        match self.authorization_status(original, now) {
            AuthorizationStatus::Captured => return Some("AUTHORIZATION_ALREADY_CAPTURED"),
            AuthorizationStatus::Voided | AuthorizationStatus::Expired => {
                return Some("AUTHORIZATION_VOIDED");
            }
            AuthorizationStatus::Pending | AuthorizationStatus::Denied => {
                return Some("TRANSACTION_REFUSED");
            }
            AuthorizationStatus::Created | AuthorizationStatus::PartiallyCaptured => {}
        }
        if !original.reauthorizations.is_empty() && !is_unlimited && !allows_many {
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
