//! The operations on orders.

use super::{
    super::{
        authorizations::Authorization,
        errors::{Findings, Refusal},
        idempotency::Action,
        ledger::Ledger,
        links::Links,
        money::Money,
        request::ApiRequest,
        response::ApiResponse,
        scripted_outcome::ScriptedOutcome,
        webhooks::events::EventType,
    },
    Approval, Order, OrderStatus,
    input::{self, Intent},
};
use http::StatusCode;
use jiff::Timestamp;

impl Ledger {
    /// `POST /v2/checkout/orders`
    pub(in crate::paypal) fn create_order(
        &mut self,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, Refusal> {
        if let Some(id) = self.request_ids.find_result(
            request.request_id,
            Action::CreateOrder,
            "",
            request.now,
        )? {
            return Ok(ApiResponse::new(
                StatusCode::OK,
                self.order_body(&id, request)?,
            ));
        }
        let input = input::read(request.body, request.request_id)?;
        let id = self.ids.next_resource_id();
        let status = if input.has_payment_source {
            OrderStatus::PayerActionRequired
        } else {
            OrderStatus::Created
        };
        self.orders.insert(
            id.clone(),
            Order {
                id: id.clone(),
                intent: input.intent,
                status,
                units: input.units,
                experience: input.experience,
                has_payment_source: input.has_payment_source,
                created_at: request.now,
                updated_at: request.now,
                opened_at: None,
                authorization_id: None,
            },
        );
        self.request_ids.record(
            request.request_id,
            Action::CreateOrder,
            "",
            &id,
            request.now,
        );
        Ok(ApiResponse::new(
            StatusCode::CREATED,
            self.order_body(&id, request)?,
        ))
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
            self.report(
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
        if self
            .request_ids
            .find_result(request.request_id, Action::AuthorizeOrder, id, request.now)?
            .is_some()
        {
            return Ok(ApiResponse::new(
                StatusCode::OK,
                self.order_body(id, request)?,
            ));
        }
        let order = self.orders.get_mut(id).ok_or_else(Refusal::not_found)?;
        let issue = if order.intent == Intent::Capture {
            Some("ACTION_DOES_NOT_MATCH_INTENT")
        } else if order.status == OrderStatus::Completed {
            Some("ORDER_ALREADY_AUTHORIZED")
        } else if order.is_expired(request.now) {
            Some("ORDER_EXPIRED")
        } else if order.status != OrderStatus::Approved {
            Some("ORDER_NOT_APPROVED")
        } else if ScriptedOutcome::AuthorizeDeclined.is_in(order.text("description")) {
            Some("INSTRUMENT_DECLINED")
        } else {
            None
        };
        if let Some(issue) = issue {
            return Err(Findings::semantic(issue).into_refusal());
        }
        let amount = order
            .units
            .first()
            .map(|unit| unit.amount.clone())
            .ok_or_else(Refusal::not_found)?;
        let authorization = Authorization::new(
            self.ids.next_resource_id(),
            order,
            authorized_amount(order, amount),
            request.now,
        );
        order.status = OrderStatus::Completed;
        order.updated_at = request.now;
        order.authorization_id = Some(authorization.id.clone());
        self.request_ids.record(
            request.request_id,
            Action::AuthorizeOrder,
            id,
            &authorization.id,
            request.now,
        );
        let (authorization_id, is_denied) = (authorization.id.clone(), authorization.is_denied());
        self.authorizations
            .insert(authorization_id.clone(), authorization);
        if !is_denied {
            self.report(EventType::AuthorizationCreated, &authorization_id, request);
        }
        Ok(ApiResponse::new(
            StatusCode::CREATED,
            self.order_body(id, request)?,
        ))
    }
}

fn authorized_amount(order: &Order, order_amount: Money) -> Money {
    if ScriptedOutcome::AuthorizeOtherAmount.is_in(order.text("description")) {
        order_amount.share(1, 2)
    } else {
        order_amount
    }
}
