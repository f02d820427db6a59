//! What may be asked of an authorization.

use super::{
    super::{
        errors::{Findings, Refusal},
        idempotency::Action,
        ledger::Ledger,
        money::Money,
        request::ApiRequest,
        response::ApiResponse,
        scripted::Scripted,
        webhooks::events::EventType,
    },
    Authorization, Standing,
};
use http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;

impl Ledger {
    /// The original behind an id, be it its own or a reauthorization's.
    pub(in crate::paypal) fn original(&self, id: &str) -> Result<&Authorization, Refusal> {
        self.authorizations
            .get(id)
            .or_else(|| {
                self.authorizations
                    .values()
                    .find(|original| original.renewal(id).is_some())
            })
            .ok_or_else(Refusal::not_found)
    }

    /// What was captured of an original so far.
    pub(in crate::paypal) fn captured(&self, original: &Authorization) -> Decimal {
        self.captures_of(original)
            .map(|capture| capture.amount.amount)
            .sum()
    }

    /// The originals whose 29 days are over, with money in them that nobody took or gave back.
    pub(in crate::paypal) fn lapsed_authorizations(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = &Authorization> {
        self.authorizations.values().filter(move |original| {
            // The captures are counted only where that matters.
            now >= original.expires_at
                && original.standing(self.captured(original), now) == Standing::Expired
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
        if self
            .request_ids
            .earlier(request.request_id, Action::Void, id, request.now)?
            .is_none()
        {
            let original = self.original(id)?;
            let issue = match original.standing(self.captured(original), request.now) {
                _ if original.id != id => Some("CANNOT_BE_VOIDED"),
                Standing::Captured => Some("PREVIOUSLY_CAPTURED"),
                Standing::Voided | Standing::Expired | Standing::Denied => {
                    Some("PREVIOUSLY_VOIDED")
                }
                Standing::Created | Standing::Pending | Standing::PartiallyCaptured => None,
            };
            if let Some(issue) = issue {
                return Err(Findings::semantic(issue).refusal());
            }
            if let Some(original) = self.authorizations.get_mut(id) {
                original.voided = true;
                original.updated_at = request.now;
            }
            self.request_ids
                .remember(request.request_id, Action::Void, id, id, request.now);
            self.report(EventType::AuthorizationVoided, id, request);
        }
        if request.representation {
            return self.show_authorization(id, request);
        }
        Ok(ApiResponse {
            status: StatusCode::NO_CONTENT,
            body: None,
        })
    }

    /// `POST /v2/payments/authorizations/{id}/reauthorize`
    pub(in crate::paypal) fn reauthorize(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        if let Some(renewal) =
            self.request_ids
                .earlier(request.request_id, Action::Reauthorize, id, request.now)?
        {
            return Ok(ApiResponse::payment(
                false,
                self.authorization_body(&renewal, request)?,
                request,
            ));
        }
        let original = self.original(id)?;
        let amount = Money::read_optional(request.body)?.unwrap_or_else(|| original.amount.clone());
        if let Some(issue) = self.refuses_renewal(original, id, &amount, request.now) {
            return Err(Findings::semantic(issue).refusal());
        }
        let original_id = original.id.clone();
        let renewal = self.ids.resource();
        if let Some(original) = self.authorizations.get_mut(&original_id) {
            original.renew(renewal.clone(), amount, request.now);
        }
        self.request_ids.remember(
            request.request_id,
            Action::Reauthorize,
            id,
            &renewal,
            request.now,
        );
        self.report(EventType::AuthorizationCreated, &renewal, request);
        Ok(ApiResponse::payment(
            true,
            self.authorization_body(&renewal, request)?,
            request,
        ))
    }

    fn refuses_renewal(
        &self,
        original: &Authorization,
        id: &str,
        amount: &Money,
        now: Timestamp,
    ) -> Option<&'static str> {
        let again = original.scripts(Scripted::ReauthorizeAgain);
        if original.id != id && !again {
            return Some("REAUTHORIZATION_NOT_SUPPORTED");
        }
        match original.standing(self.captured(original), now) {
            Standing::Captured => return Some("AUTHORIZATION_ALREADY_CAPTURED"),
            Standing::Voided | Standing::Expired => return Some("AUTHORIZATION_VOIDED"),
            Standing::Pending | Standing::Denied => return Some("TRANSACTION_REFUSED"),
            Standing::Created | Standing::PartiallyCaptured => {}
        }
        if !original.reauthorizations.is_empty() && !again {
            return Some("REAUTHORIZATION_NOT_SUPPORTED");
        }
        let latest = original
            .reauthorizations
            .last()
            .map_or(original.id.as_str(), |renewal| &renewal.id);
        if original.honoured(latest, now) {
            return Some("REAUTHORIZATION_TOO_SOON");
        }
        if amount.currency != original.amount.currency {
            return Some("AUTH_CURRENCY_MISMATCH");
        }
        (amount.amount > original.limit()).then_some("TRANSACTION_REFUSED")
    }
}
