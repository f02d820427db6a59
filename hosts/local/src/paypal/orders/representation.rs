//! An order as the API shows it.

use super::{Order, OrderStatus, input::PurchaseUnit};
use crate::paypal::{
    errors::Refusal,
    ledger::Ledger,
    parties::{payee, payer, wallet},
    request::ApiRequest,
    times::json_time,
};
use serde_json::{Map, Value, json};

impl Ledger {
    pub(in crate::paypal) fn order_body(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<Value, Refusal> {
        let order = self.orders.get(id).ok_or_else(Refusal::not_found)?;
        let mut body = Map::new();
        body.insert("id".to_owned(), order.id.as_str().into());
        body.insert("status".to_owned(), order.status.as_str().into());
        body.insert("links".to_owned(), order.links(request.links));
        let is_approved = matches!(order.status, OrderStatus::Approved | OrderStatus::Completed);
        if is_approved {
            body.insert("payment_source".to_owned(), json!({ "paypal": wallet() }));
            body.insert("payer".to_owned(), payer());
        } else if order.has_payment_source {
            body.insert("payment_source".to_owned(), json!({ "paypal": {} }));
        }
        // Even a minimal response has the payments: a client that authorizes needs their ids.
        if request.prefers_representation || order.authorization_id.is_some() {
            let units = order
                .units
                .iter()
                .map(|unit| self.unit_body(order, unit, request))
                .collect();
            body.insert("purchase_units".to_owned(), units);
        }
        if request.prefers_representation {
            body.insert("intent".to_owned(), json!(order.intent));
            body.insert("create_time".to_owned(), json_time(order.created_at));
            body.insert("update_time".to_owned(), json_time(order.updated_at));
        }
        Ok(body.into())
    }

    fn unit_body(&self, order: &Order, unit: &PurchaseUnit, request: &ApiRequest<'_>) -> Value {
        let mut body = Map::new();
        body.insert("reference_id".to_owned(), unit.reference_id.as_str().into());
        if request.prefers_representation {
            let mut amount = unit.amount.json();
            for (name, value) in &unit.echoed {
                if name == "breakdown" {
                    amount["breakdown"] = value.clone();
                } else {
                    body.insert(name.clone(), value.clone());
                }
            }
            body.insert("amount".to_owned(), amount);
            body.insert("payee".to_owned(), payee());
        }
        if let Some(id) = &order.authorization_id {
            body.insert("payments".to_owned(), self.payments_body(id, request));
        }
        body.into()
    }
}
