//! The operations on orders.

use super::{
    Approval, Order, OrderStatus,
    input::{self, Intent},
};
use crate::paypal::{
    authorizations::Authorization,
    course::PaymentStatus,
    errors::{Findings, Refusal},
    idempotency::Action,
    ledger::Ledger,
    links::Links,
    money::Money,
    operation::Operation,
    request::ApiRequest,
    response::ApiResponse,
    scripted_outcome::{self, ScriptedOutcome},
    webhooks::events::EventType,
};
use http::StatusCode;
use jiff::Timestamp;

impl Ledger {
    /// `POST /v2/checkout/orders`
    pub(in crate::paypal) fn create_order(
        &mut self,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        // A new order has no id in its path.
        let result = self.idempotent(Action::CreateOrder, "", request, |ledger| {
            ledger.insert_order(request)
        })?;
        let body = self.order_body(result.id(), request)?;
        Ok(ApiResponse::new(result.status(), body))
    }

    /// Returns the order's id.
    fn insert_order(&mut self, request: &ApiRequest<'_>) -> Result<String, Refusal> {
        let input = input::read(request.body, request.request_id)?;
        request.decline()?;
        let id = self.ids.next_resource_id();
        let status = if input.has_payment_source {
            OrderStatus::PayerActionRequired
        } else {
            OrderStatus::Created
        };
        let order = Order {
            id: id.clone(),
            intent: input.intent,
            status,
            units: input.units,
            experience: input.experience,
            has_payment_source: input.has_payment_source,
            created_at: request.now,
            updated_at: request.now,
            opened_at: None,
            approved_at: None,
            authorization_id: None,
        };
        self.orders.insert(id.clone(), order);
        Ok(id)
    }

    /// `GET /v2/checkout/orders/{id}`
    pub(in crate::paypal) fn show_order(
        &self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        let full_request = ApiRequest {
            prefers_representation: true,
            ..*request
        };
        if self
            .orders
            .get(id)
            .is_some_and(|order| order.is_forgotten(request))
        {
            return Err(Refusal::not_found());
        }
        Ok(ApiResponse::new(
            StatusCode::OK,
            self.order_body(id, &full_request)?,
        ))
    }

    /// None for an unknown order.
    pub(in crate::paypal) fn approve_order(
        &mut self,
        id: &str,
        now: Timestamp,
        links: Links<'_>,
    ) -> Option<Approval> {
        let approval = self.orders.get_mut(id)?.approve(now);
        if approval == Approval::Approved {
            self.emit_event(
                EventType::OrderApproved,
                id,
                &ApiRequest::internal(now, links),
            );
        }
        Some(approval)
    }

    /// `POST /v2/checkout/orders/{id}/authorize`
    pub(in crate::paypal) fn authorize_order(
        &mut self,
        id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        let result = self.idempotent(Action::AuthorizeOrder, id, request, |ledger| {
            ledger.create_authorization(id, request)
        })?;
        let body = self.order_body(id, request)?;
        Ok(ApiResponse::new(result.status(), body))
    }

    /// Returns the authorization's id.
    fn create_authorization(
        &mut self,
        order_id: &str,
        request: &ApiRequest<'_>,
    ) -> Result<String, Refusal> {
        let order = self
            .orders
            .get_mut(order_id)
            .filter(|order| !order.is_forgotten(request))
            .ok_or_else(Refusal::not_found)?;
        if let Some(issue) = authorization_issue(order, request.now) {
            return Err(Findings::semantic(issue).into_refusal());
        }
        request.decline()?;
        let outcome = request.outcome().or_else(|| {
            scripted_outcome::outcome(Operation::AuthorizeOrder, order.text("description"))
        });
        let amount = order
            .units
            .first()
            .map(|unit| unit.amount.clone())
            .ok_or_else(Refusal::not_found)?;
        let amount = authorized_amount(order, amount);
        let id = self.ids.next_resource_id();
        let authorization =
            Authorization::new(id.clone(), order, amount, outcome.as_ref(), request.now);
        order.status = OrderStatus::Completed;
        order.updated_at = request.now;
        order.authorization_id = Some(id.clone());
        let granted = authorization.granted_status(request.now);
        self.authorizations.insert(id.clone(), authorization);
        if matches!(granted, PaymentStatus::Created | PaymentStatus::Pending) {
            self.emit_event(EventType::AuthorizationCreated, &id, request);
        }
        Ok(id)
    }
}

fn authorization_issue(order: &Order, now: Timestamp) -> Option<&'static str> {
    if order.intent == Intent::Capture {
        Some("ACTION_DOES_NOT_MATCH_INTENT")
    } else if order.status == OrderStatus::Completed {
        Some("ORDER_ALREADY_AUTHORIZED")
    } else if order.is_expired(now) {
        Some("ORDER_EXPIRED")
    } else if order.status != OrderStatus::Approved {
        Some("ORDER_NOT_APPROVED")
    } else {
        scripted_outcome::refusal(Operation::AuthorizeOrder, order.text("description"), true)
    }
}

fn authorized_amount(order: &Order, order_amount: Money) -> Money {
    if ScriptedOutcome::AuthorizeOtherAmount.is_in(order.text("description")) {
        order_amount.share(1, 2)
    } else {
        order_amount
    }
}
