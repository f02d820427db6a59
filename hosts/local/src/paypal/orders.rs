//! Orders: what a payer is asked to approve.
//!
//! ```text
//! CREATED or PAYER_ACTION_REQUIRED --payer approves--> APPROVED --merchant authorizes--> COMPLETED
//! ```
//! An order is lost when its payer does not come within 3 hours, or has not approved and been authorized 3 hours later.

use super::{
    authorizations::Authorization,
    errors::{Findings, Refusal},
    idempotency::Action,
    ledger::{Answer, Call, Ledger},
    links::Links,
    money::Money,
    order_request::{self, Experience, Intent, Unit},
    parties::{payee, payer, time, wallet},
    scripted::Scripted,
    webhooks::EventType,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const WINDOW: SignedDuration = SignedDuration::from_hours(3);

/// Where an order stands; the two states before approval differ only in how it was asked for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum OrderStatus {
    Created,
    PayerActionRequired,
    Approved,
    Completed,
}

impl OrderStatus {
    const fn word(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::PayerActionRequired => "PAYER_ACTION_REQUIRED",
            Self::Approved => "APPROVED",
            Self::Completed => "COMPLETED",
        }
    }
}

/// An order and all that is known of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) intent: Intent,
    pub(super) status: OrderStatus,
    pub(super) units: Vec<Unit>,
    pub(super) experience: Experience,
    pub(super) wallet: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// When the payer came to the approval page.
    pub(super) opened_at: Option<Timestamp>,
    pub(super) authorization_id: Option<String>,
}

/// What approving an order came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Approval {
    /// Now.
    Approved,
    /// Earlier, by the same payer.
    Repeated,
    /// Too late.
    Expired,
}

impl Order {
    /// Whether the payer is too late, or the merchant.
    pub(super) fn expired(&self, now: Timestamp) -> bool {
        let window_from = self.opened_at.unwrap_or(self.created_at);
        self.status != OrderStatus::Completed
            && now >= window_from.checked_add(WINDOW).unwrap_or(Timestamp::MAX)
    }

    /// The payer came; the second 3 hours begin.
    pub(super) fn open(&mut self, now: Timestamp) {
        if self.opened_at.is_none() && !self.expired(now) {
            self.opened_at = Some(now);
        }
    }

    /// The payer pressed the button.
    pub(super) fn approve(&mut self, now: Timestamp) -> Approval {
        if self.expired(now) {
            return Approval::Expired;
        }
        self.open(now);
        if matches!(
            self.status,
            OrderStatus::Created | OrderStatus::PayerActionRequired
        ) {
            self.status = OrderStatus::Approved;
            self.updated_at = now;
            return Approval::Approved;
        }
        Approval::Repeated
    }

    /// The script and the ids of its payments are those of the first unit; an order to authorize has just one.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.units.first().and_then(|unit| unit.text(member))
    }

    fn links(&self, links: Links<'_>) -> Value {
        let own = format!("/v2/checkout/orders/{}", self.id);
        let page = format!("/checkoutnow?token={}", self.id);
        let mut all = vec![links.get("self", &own)];
        match self.status {
            OrderStatus::Created => all.push(links.get("approve", &page)),
            OrderStatus::PayerActionRequired => all.push(links.get("payer-action", &page)),
            OrderStatus::Approved | OrderStatus::Completed => {}
        }
        if matches!(self.status, OrderStatus::Created | OrderStatus::Approved)
            && self.intent == Intent::Authorize
        {
            all.push(links.post("authorize", &format!("{own}/authorize")));
        }
        Value::Array(all)
    }
}

impl Ledger {
    /// `POST /v2/checkout/orders`
    pub(super) fn create_order(&mut self, call: &Call<'_>) -> Result<Answer, Refusal> {
        if let Some(id) =
            self.request_ids
                .earlier(call.request_id, Action::CreateOrder, "", call.now)?
        {
            return Ok(Answer::new(StatusCode::OK, self.order_body(&id, call)?));
        }
        let new = order_request::read(call.body, call.request_id)?;
        let id = self.ids.resource();
        let status = if new.wallet {
            OrderStatus::PayerActionRequired
        } else {
            OrderStatus::Created
        };
        self.orders.insert(
            id.clone(),
            Order {
                id: id.clone(),
                intent: new.intent,
                status,
                units: new.units,
                experience: new.experience,
                wallet: new.wallet,
                created_at: call.now,
                updated_at: call.now,
                opened_at: None,
                authorization_id: None,
            },
        );
        self.request_ids
            .remember(call.request_id, Action::CreateOrder, "", &id, call.now);
        Ok(Answer::new(
            StatusCode::CREATED,
            self.order_body(&id, call)?,
        ))
    }

    /// `GET /v2/checkout/orders/{id}`
    pub(super) fn show_order(&self, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
        let whole = Call {
            representation: true,
            ..*call
        };
        Ok(Answer::new(StatusCode::OK, self.order_body(id, &whole)?))
    }

    /// The payer pressed the button; None where there is no such order.
    pub(super) fn approve_order(
        &mut self,
        id: &str,
        now: Timestamp,
        links: Links<'_>,
    ) -> Option<Approval> {
        let approval = self.orders.get_mut(id)?.approve(now);
        if approval == Approval::Approved {
            self.report(EventType::OrderApproved, id, &Call::of_nobody(now, links));
        }
        Some(approval)
    }

    /// `POST /v2/checkout/orders/{id}/authorize`
    pub(super) fn authorize_order(&mut self, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
        if self
            .request_ids
            .earlier(call.request_id, Action::AuthorizeOrder, id, call.now)?
            .is_some()
        {
            return Ok(Answer::new(StatusCode::OK, self.order_body(id, call)?));
        }
        let order = self.orders.get_mut(id).ok_or_else(Refusal::not_found)?;
        let refused = if order.intent == Intent::Capture {
            Some("ACTION_DOES_NOT_MATCH_INTENT")
        } else if order.status == OrderStatus::Completed {
            Some("ORDER_ALREADY_AUTHORIZED")
        } else if order.expired(call.now) {
            Some("ORDER_EXPIRED")
        } else if order.status != OrderStatus::Approved {
            Some("ORDER_NOT_APPROVED")
        } else if Scripted::AuthorizeDeclined.in_description(order.text("description")) {
            Some("INSTRUMENT_DECLINED")
        } else {
            None
        };
        if let Some(issue) = refused {
            return Err(Findings::semantic(issue).refusal());
        }
        let amount = order
            .units
            .first()
            .map(|unit| unit.amount.clone())
            .ok_or_else(Refusal::not_found)?;
        let authorization =
            Authorization::new(self.ids.resource(), order, granted(order, amount), call.now);
        order.status = OrderStatus::Completed;
        order.updated_at = call.now;
        order.authorization_id = Some(authorization.id.clone());
        self.request_ids.remember(
            call.request_id,
            Action::AuthorizeOrder,
            id,
            &authorization.id,
            call.now,
        );
        let (authorization_id, denied) = (authorization.id.clone(), authorization.is_denied());
        self.authorizations
            .insert(authorization_id.clone(), authorization);
        if !denied {
            self.report(EventType::AuthorizationCreated, &authorization_id, call);
        }
        Ok(Answer::new(StatusCode::CREATED, self.order_body(id, call)?))
    }

    pub(super) fn order_body(&self, id: &str, call: &Call<'_>) -> Result<Value, Refusal> {
        let order = self.orders.get(id).ok_or_else(Refusal::not_found)?;
        let mut body = Map::new();
        body.insert("id".to_owned(), order.id.as_str().into());
        body.insert("status".to_owned(), order.status.word().into());
        body.insert("links".to_owned(), order.links(call.links));
        let approved = matches!(order.status, OrderStatus::Approved | OrderStatus::Completed);
        if approved {
            body.insert("payment_source".to_owned(), json!({ "paypal": wallet() }));
            body.insert("payer".to_owned(), payer());
        } else if order.wallet {
            body.insert("payment_source".to_owned(), json!({ "paypal": {} }));
        }
        // The payments are what the caller came for, so even a minimal answer has them.
        if call.representation || order.authorization_id.is_some() {
            let units = order
                .units
                .iter()
                .map(|unit| self.unit_body(order, unit, call))
                .collect();
            body.insert("purchase_units".to_owned(), units);
        }
        if call.representation {
            body.insert("intent".to_owned(), json!(order.intent));
            body.insert("create_time".to_owned(), time(order.created_at));
            body.insert("update_time".to_owned(), time(order.updated_at));
        }
        Ok(body.into())
    }

    fn unit_body(&self, order: &Order, unit: &Unit, call: &Call<'_>) -> Value {
        let mut body = Map::new();
        body.insert("reference_id".to_owned(), unit.reference_id.as_str().into());
        if call.representation {
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
            body.insert("payments".to_owned(), self.payments_body(id, call));
        }
        body.into()
    }
}

/// What the payer's bank granted.
fn granted(order: &Order, asked: Money) -> Money {
    if Scripted::AuthorizeOtherAmount.in_description(order.text("description")) {
        asked.share(1, 2)
    } else {
        asked
    }
}
