//! Orders: what the payer approves. <https://developer.paypal.com/docs/api/orders/v2/>

use super::{
    Call, PayPal, PayPalError,
    authorizations::{AuthorizationBody, CaptureBody, Value},
};
use crate::domain::{
    money::Money,
    observation::{Observation, SeenAuthorization},
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// What the payer is asked for.
#[derive(Debug)]
pub struct NewOrder<'a> {
    /// Ties the order to our booking: `custom_id`.
    pub booking: Uuid,
    /// Unique for the merchant: `invoice_id`.
    pub payment: Uuid,
    /// How much.
    pub money: Money,
    /// Shown to the payer, up to 127 characters.
    pub description: &'a str,
    /// Where the payer goes afterwards.
    pub return_url: &'a str,
    /// Where the payer goes when they change their mind.
    pub cancel_url: &'a str,
}

/// An order that was made.
#[derive(Debug)]
pub struct OrderLinks {
    /// PayPal's id.
    pub id: String,
    /// Where the payer approves it.
    pub approve_url: String,
}

#[derive(Deserialize)]
struct OrderBody {
    id: String,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    purchase_units: Vec<PurchaseUnit>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

#[derive(Deserialize)]
struct PurchaseUnit {
    #[serde(default)]
    payments: Payments,
}

#[derive(Default, Deserialize)]
struct Payments {
    #[serde(default)]
    authorizations: Vec<AuthorizationBody>,
    #[serde(default)]
    captures: Vec<CaptureBody>,
    #[serde(default)]
    refunds: Vec<RefundBody>,
}

#[derive(Deserialize)]
struct RefundBody {
    status: String,
    amount: Value,
}

impl From<OrderBody> for Observation {
    fn from(body: OrderBody) -> Self {
        let mut seen = Self::default();
        for Payments {
            authorizations,
            captures,
            refunds,
        } in body.purchase_units.into_iter().map(|unit| unit.payments)
        {
            // A reauthorization comes after the authorization that it prolongs.
            seen.authorizations
                .extend(authorizations.into_iter().map(Into::into));
            seen.captures.extend(captures.into_iter().map(Into::into));
            seen.refunded += refunds
                .into_iter()
                .filter(|refund| matches!(refund.status.as_str(), "COMPLETED" | "PENDING"))
                .map(|refund| refund.amount.value.decimal())
                .sum::<Decimal>();
        }
        seen
    }
}

impl PayPal<'_> {
    /// Makes an order with intent AUTHORIZE: money is held when the payer has approved, and taken later.
    pub async fn create_order(
        &self,
        request_id: &str,
        order: &NewOrder<'_>,
    ) -> Result<OrderLinks, PayPalError> {
        const OPERATION: &str = "create_order";
        let body = json!({
            "intent": "AUTHORIZE",
            "purchase_units": [{
                "reference_id": order.booking,
                "custom_id": order.booking,
                "invoice_id": order.payment,
                "description": order.description,
                "amount": {
                    "currency_code": order.money.currency,
                    "value": order.money.paypal_value(),
                },
            }],
            "payment_source": { "paypal": { "experience_context": {
                "user_action": "PAY_NOW",
                "shipping_preference": "NO_SHIPPING",
                "return_url": order.return_url,
                "cancel_url": order.cancel_url,
            }}},
        });
        let call = Call::post(
            OPERATION,
            "/v2/checkout/orders".to_owned(),
            request_id,
            &body,
        )?;
        let made: OrderBody = self.call(call).await?;
        let approve_url = made
            .links
            .into_iter()
            .find(|link| matches!(link.rel.as_str(), "payer-action" | "approve"))
            .map(|link| link.href)
            .ok_or(PayPalError::Unknown {
                operation: OPERATION,
            })?;
        Ok(OrderLinks {
            id: made.id,
            approve_url,
        })
    }

    /// Asks what has become of an order's money.
    pub async fn get_order(&self, order_id: &str) -> Result<Observation, PayPalError> {
        let call = Call::get("get_order", format!("/v2/checkout/orders/{order_id}"));
        self.call::<OrderBody>(call).await.map(Into::into)
    }

    /// Holds the money of an approved order.
    pub async fn authorize_order(
        &self,
        request_id: &str,
        order_id: &str,
    ) -> Result<SeenAuthorization, PayPalError> {
        const OPERATION: &str = "authorize_order";
        let path = format!("/v2/checkout/orders/{order_id}/authorize");
        let call = Call::post(OPERATION, path, request_id, &json!({}))?;
        let seen: Observation = self.call::<OrderBody>(call).await?.into();
        match seen.standing_authorization() {
            Some(authorization) => Ok(authorization.clone()),
            None if seen.is_denied() => Err(PayPalError::Denied {
                operation: OPERATION,
            }),
            None => Err(PayPalError::Unknown {
                operation: OPERATION,
            }),
        }
    }
}
