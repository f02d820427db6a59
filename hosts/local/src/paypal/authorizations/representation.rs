//! Authorizations, and the payments of an order, as the API shows them.

use super::{Authorization, AuthorizationStatus, Reauthorization};
use crate::paypal::{
    behaviour::Unkind, course::PaymentStatus, errors::Refusal, ledger::Ledger, parties::payee,
    refunds::representation::refund_core, request::ApiRequest, times::json_time,
};
use serde_json::{Map, Value, json};

impl Ledger {
    pub(in crate::paypal) fn authorization_body(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<Value, Refusal> {
        let original = self.original(id)?;
        let mut body = self.authorization_core(original, original.reauthorization(id), request);
        body["payee"] = payee();
        body["supplementary_data"] = json!({ "related_ids": { "order_id": original.order_id } });
        Ok(body)
    }

    /// The member `payments` of a purchase unit. `id` is the original authorization.
    pub(in crate::paypal) fn payments_body(&self, id: &str, request: &ApiRequest<'_>) -> Value {
        let Some(original) = self.authorizations.get(id) else {
            return json!({});
        };
        let is_listed = shown(request).is_none_or(|(is_listed, _)| is_listed);
        let reauthorizations = original
            .reauthorizations
            .iter()
            .filter(|_| is_listed)
            .map(Some);
        let authorizations: Vec<Value> = std::iter::once(None)
            .chain(reauthorizations)
            .map(|reauthorization| self.authorization_core(original, reauthorization, request))
            .collect();
        let captures: Vec<_> = self.captures_of(original).collect();
        let refunds: Vec<Value> = captures
            .iter()
            .flat_map(|capture| self.refunds_of(capture))
            .filter(|refund| refund.is_listed(request.now))
            .map(|refund| refund_core(refund, request))
            .collect();
        let captures: Vec<Value> = captures
            .into_iter()
            .map(|capture| self.capture_core(capture, request))
            .collect();
        let mut body = Map::new();
        for (name, payments) in [
            ("authorizations", authorizations),
            ("captures", captures),
            ("refunds", refunds),
        ] {
            if !payments.is_empty() {
                body.insert(name.to_owned(), payments.into());
            }
        }
        body.into()
    }

    /// The members that both the authorization and its order show.
    fn authorization_core(
        &self,
        original: &Authorization,
        reauthorization: Option<&Reauthorization>,
        request: &ApiRequest<'_>,
    ) -> Value {
        let (id, amount, created_at) = match reauthorization {
            Some(new) => (&new.id, &new.amount, new.created_at),
            None => (&original.id, &original.amount, original.created_at),
        };
        let mut status = self.authorization_status(original, request.now);
        if reauthorization.is_none()
            && status == AuthorizationStatus::Created
            && !original.reauthorizations.is_empty()
            && shown(request).is_some_and(|(_, original)| original == PaymentStatus::Voided)
        {
            status = AuthorizationStatus::Voided;
        }
        let own = format!("/v2/payments/authorizations/{id}");
        let mut links = vec![request.links.get("self", &own)];
        if matches!(
            status,
            AuthorizationStatus::Created | AuthorizationStatus::PartiallyCaptured
        ) {
            links.push(request.links.post("capture", &format!("{own}/capture")));
            if reauthorization.is_none() {
                links.push(request.links.post("void", &format!("{own}/void")));
                links.push(
                    request
                        .links
                        .post("reauthorize", &format!("{own}/reauthorize")),
                );
            }
        }
        links.push(
            request
                .links
                .get("up", &format!("/v2/checkout/orders/{}", original.order_id)),
        );
        let mut body = json!({
            "id": id,
            "status": status.as_str(),
            "amount": amount.json(),
            "seller_protection": {
                "status": "ELIGIBLE",
                "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
            },
            "expiration_time": json_time(original.expires_at),
            "create_time": json_time(created_at),
            "update_time": json_time(original.updated_at.max(created_at)),
            "links": links,
        });
        if status == AuthorizationStatus::Pending {
            body["status_details"] = json!({ "reason": original.pending_reason() });
        }
        for (name, value) in [
            ("custom_id", &original.custom_id),
            ("invoice_id", &original.invoice_id),
        ] {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        body
    }
}

/// How a behaviour shows reauthorizations: whether orders list them, and the original's status.
fn shown(request: &ApiRequest<'_>) -> Option<(bool, PaymentStatus)> {
    request.unkind.and_then(Unkind::reauthorizations)
}
