//! How an authorization, and the payments of an order, are shown.

use super::{
    super::{
        errors::Refusal, ledger::Ledger, parties::payee, refunds::representation::refund_core,
        request::ApiRequest, times::time,
    },
    Authorization, Reauthorization, Standing,
};
use serde_json::{Map, Value, json};

impl Ledger {
    /// All of an authorization.
    pub(in crate::paypal) fn authorization_body(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<Value, Refusal> {
        let original = self.original(id)?;
        let mut body = self.authorization_core(original, original.renewal(id), request);
        body["payee"] = payee();
        body["supplementary_data"] = json!({ "related_ids": { "order_id": original.order_id } });
        Ok(body)
    }

    /// What an order shows of its payments.
    pub(in crate::paypal) fn payments_body(&self, id: &str, request: &ApiRequest<'_>) -> Value {
        let Some(original) = self.authorizations.get(id) else {
            return json!({});
        };
        let renewals = original.reauthorizations.iter().map(Some);
        let authorizations: Vec<Value> = std::iter::once(None)
            .chain(renewals)
            .map(|renewal| self.authorization_core(original, renewal, request))
            .collect();
        let captures: Vec<_> = self.captures_of(original).collect();
        let refunds: Vec<Value> = captures
            .iter()
            .flat_map(|capture| self.refunds_of(capture))
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

    fn authorization_core(
        &self,
        original: &Authorization,
        renewal: Option<&Reauthorization>,
        request: &ApiRequest<'_>,
    ) -> Value {
        let (id, amount, created_at) = renewal.map_or(
            (&original.id, &original.amount, original.created_at),
            |renewal| (&renewal.id, &renewal.amount, renewal.created_at),
        );
        let standing = original.standing(self.captured(original), request.now);
        let own = format!("/v2/payments/authorizations/{id}");
        let mut links = vec![request.links.get("self", &own)];
        if matches!(standing, Standing::Created | Standing::PartiallyCaptured) {
            links.push(request.links.post("capture", &format!("{own}/capture")));
            if renewal.is_none() {
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
            "status": standing.word(),
            "amount": amount.json(),
            "seller_protection": {
                "status": "ELIGIBLE",
                "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
            },
            "expiration_time": time(original.expires_at),
            "create_time": time(created_at),
            "update_time": time(original.updated_at.max(created_at)),
            "links": links,
        });
        if standing == Standing::Pending {
            body["status_details"] = json!({ "reason": "PENDING_REVIEW" });
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
