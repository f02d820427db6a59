//! Orders, which the payer approves. <https://developer.paypal.com/docs/api/orders/v2/>

use super::{
    Call, PayPal, PayPalError,
    authorizations::{AuthorizationBody, CaptureBody, Link, RefundBody, null_as_default},
};
use crate::domain::{
    money::Money,
    observation::{Authorization, Observation, ObservedOrder, OrderStatus},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// An order to create.
#[derive(Debug)]
pub(crate) struct NewOrder<'a> {
    /// Sent as `custom_id`.
    pub(crate) booking_id: Uuid,
    /// Sent as `invoice_id`, which is unique for a merchant.
    pub(crate) payment_id: Uuid,
    pub(crate) money: Money,
    /// For the payer, up to 127 characters.
    pub(crate) description: &'a str,
    /// The payer's next page after the approval.
    pub(crate) return_url: &'a str,
    /// The payer's next page after a cancellation.
    pub(crate) cancel_url: &'a str,
}

/// A new order.
#[derive(Debug)]
pub(crate) struct OrderLinks {
    pub(crate) id: String,
    /// The page on which the payer approves it.
    pub(crate) approve_url: String,
}

#[derive(Deserialize)]
struct OrderBody {
    id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    status: OrderStatus,
    #[serde(default, deserialize_with = "null_as_default")]
    links: Vec<Link>,
    #[serde(default, deserialize_with = "null_as_default")]
    purchase_units: Vec<PurchaseUnit>,
}

#[derive(Deserialize)]
struct PurchaseUnit {
    #[serde(default, deserialize_with = "null_as_default")]
    payments: Payments,
}

#[derive(Default, Deserialize)]
struct Payments {
    #[serde(default, deserialize_with = "null_as_default")]
    authorizations: Vec<AuthorizationBody>,
    #[serde(default, deserialize_with = "null_as_default")]
    captures: Vec<CaptureBody>,
    #[serde(default, deserialize_with = "null_as_default")]
    refunds: Vec<RefundBody>,
}

impl From<OrderBody> for Observation {
    fn from(body: OrderBody) -> Self {
        let mut observation = Self::default();
        for Payments {
            authorizations,
            captures,
            refunds,
        } in body.purchase_units.into_iter().map(|unit| unit.payments)
        {
            // PayPal lists a reauthorization after its authorization.
            observation
                .authorizations
                .extend(
                    authorizations
                        .into_iter()
                        .map(|authorization| Authorization {
                            order_id: Some(body.id.clone()),
                            ..authorization.into()
                        }),
                );
            observation
                .captures
                .extend(captures.into_iter().map(Into::into));
            observation
                .refunds
                .extend(refunds.into_iter().map(Into::into));
        }
        observation.orders.push(ObservedOrder {
            id: body.id,
            status: body.status,
        });
        observation
    }
}

impl PayPal<'_> {
    /// Creates an order with intent AUTHORIZE: the money is authorized after the payer's approval
    /// and captured later.
    pub(crate) async fn create_order(
        &self,
        request_id: &str,
        order: &NewOrder<'_>,
    ) -> Result<OrderLinks, PayPalError> {
        const OPERATION: &str = "create_order";
        let body = json!({
            "intent": "AUTHORIZE",
            "purchase_units": [{
                "reference_id": order.booking_id,
                "custom_id": order.booking_id,
                "invoice_id": order.payment_id,
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
        let order: OrderBody = self.call(call).await?;
        let approve_url = order
            .links
            .into_iter()
            .find(|link| matches!(link.rel.as_str(), "payer-action" | "approve"))
            .map(|link| link.href)
            .ok_or(PayPalError::Unknown {
                operation: OPERATION,
            })?;
        Ok(OrderLinks {
            id: order.id,
            approve_url,
        })
    }

    /// Fetches an order and its money.
    pub(crate) async fn get_order(&self, order_id: &str) -> Result<Observation, PayPalError> {
        let call = Call::get("get_order", format!("/v2/checkout/orders/{order_id}"));
        self.call::<OrderBody>(call).await.map(Into::into)
    }

    /// Authorizes the money of an approved order.
    pub(crate) async fn authorize_order(
        &self,
        request_id: &str,
        order_id: &str,
    ) -> Result<Authorization, PayPalError> {
        const OPERATION: &str = "authorize_order";
        let path = format!("/v2/checkout/orders/{order_id}/authorize");
        let call = Call::post(OPERATION, path, request_id, &json!({}))?;
        let observation: Observation = self.call::<OrderBody>(call).await?.into();
        match observation.standing_authorization() {
            Some(authorization) => Ok(authorization.clone()),
            None if observation.is_denied() => Err(PayPalError::Denied {
                operation: OPERATION,
            }),
            None => Err(PayPalError::Unknown {
                operation: OPERATION,
            }),
        }
    }
}
