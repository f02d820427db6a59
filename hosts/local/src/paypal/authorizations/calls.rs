//! What may be asked of an authorization.

use super::{
    super::{
        errors::{Findings, Refusal},
        idempotency::Action,
        ledger::{Answer, Call, Ledger},
        money::{Least, Money},
        scripted::Scripted,
        webhooks::EventType,
    },
    Authorization, Standing,
};
use http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

impl Ledger {
    /// The original behind an id, be it its own or a reauthorization's.
    pub(in super::super) fn original(&self, id: &str) -> Result<&Authorization, Refusal> {
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
    pub(in super::super) fn captured(&self, original: &Authorization) -> Decimal {
        self.captures_of(original)
            .map(|capture| capture.amount.amount)
            .sum()
    }

    /// The originals whose 29 days are over, with money in them that nobody took or gave back.
    pub(in super::super) fn lapsed_authorizations(
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
    pub(in super::super) fn show_authorization(
        &self,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Answer, Refusal> {
        Ok(Answer::new(
            StatusCode::OK,
            self.authorization_body(id, call)?,
        ))
    }

    /// `POST /v2/payments/authorizations/{id}/void`
    pub(in super::super) fn void(&mut self, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
        if self
            .request_ids
            .earlier(call.request_id, Action::Void, id, call.now)?
            .is_none()
        {
            let original = self.original(id)?;
            let issue = match original.standing(self.captured(original), call.now) {
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
                original.updated_at = call.now;
            }
            self.request_ids
                .remember(call.request_id, Action::Void, id, id, call.now);
            self.report(EventType::AuthorizationVoided, id, call);
        }
        if call.representation {
            return self.show_authorization(id, call);
        }
        Ok(Answer {
            status: StatusCode::NO_CONTENT,
            body: None,
        })
    }

    /// `POST /v2/payments/authorizations/{id}/reauthorize`
    pub(in super::super) fn reauthorize(
        &mut self,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Answer, Refusal> {
        if let Some(renewal) =
            self.request_ids
                .earlier(call.request_id, Action::Reauthorize, id, call.now)?
        {
            return Ok(Answer::payment(
                false,
                self.authorization_body(&renewal, call)?,
                call,
            ));
        }
        let original = self.original(id)?;
        let amount = read_amount(call.body)?.unwrap_or_else(|| original.amount.clone());
        if let Some(issue) = self.refuses_renewal(original, id, &amount, call.now) {
            return Err(Findings::semantic(issue).refusal());
        }
        let original_id = original.id.clone();
        let renewal = self.ids.resource();
        if let Some(original) = self.authorizations.get_mut(&original_id) {
            original.renew(renewal.clone(), amount, call.now);
        }
        self.request_ids
            .remember(call.request_id, Action::Reauthorize, id, &renewal, call.now);
        self.report(EventType::AuthorizationCreated, &renewal, call);
        Ok(Answer::payment(
            true,
            self.authorization_body(&renewal, call)?,
            call,
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

/// The amount of a payment's request, if it names one.
pub(in super::super) fn read_amount(body: &Value) -> Result<Option<Money>, Refusal> {
    let Some(amount) = body.get("amount").filter(|amount| !amount.is_null()) else {
        return Ok(None);
    };
    let mut findings = Findings::default();
    let amount = Money::read(amount, "/amount", Least::AboveZero, &mut findings);
    findings.verdict()?;
    Ok(amount)
}
