//! Authorizations: money that is held. <https://developer.paypal.com/docs/api/payments/v2/>

use super::{Call, PayPal, PayPalError};
use crate::{
    clients::supabase::Authorization,
    domain::money::{Amount, Currency, Money},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize)]
pub(super) struct AuthorizationBody {
    id: String,
    status: String,
    amount: Value,
    expiration_time: Option<Timestamp>,
}

impl AuthorizationBody {
    /// Whether the payer's bank refused it.
    pub(super) fn is_denied(&self) -> bool {
        self.status == "DENIED"
    }

    /// Whether it is, or was, good for the money: neither refused nor given back.
    pub(super) fn holds_money(&self) -> bool {
        !matches!(self.status.as_str(), "DENIED" | "VOIDED")
    }
}

impl From<AuthorizationBody> for Authorization {
    fn from(body: AuthorizationBody) -> Self {
        Self {
            id: body.id,
            money: body.amount.into(),
            expires_at: body.expiration_time,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Value {
    currency_code: Currency,
    value: Amount,
}

impl From<Value> for Money {
    fn from(value: Value) -> Self {
        Self {
            amount: value.value,
            currency: value.currency_code,
        }
    }
}

/// How PayPal writes `money`.
fn written(money: Money) -> serde_json::Value {
    json!({ "currency_code": money.currency, "value": money.paypal_value() })
}

/// What became of a capture.
#[derive(Clone, Debug)]
pub struct Capture {
    /// PayPal's id.
    pub id: String,
    /// Whether the money has moved.
    pub status: CaptureStatus,
    /// How much.
    pub money: Money,
}

/// PayPal's capture states, as far as they differ for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaptureStatus {
    /// The money is ours.
    Completed,
    /// PayPal is looking at it; it will say.
    Pending,
    /// The money did not move.
    Declined,
    /// The money did not move.
    Failed,
    /// The money was ours and went back in part.
    PartiallyRefunded,
    /// The money was ours and went back.
    Refunded,
}

#[derive(Deserialize)]
struct CaptureBody {
    id: String,
    status: CaptureStatus,
    amount: Value,
}

impl PayPal<'_> {
    /// Takes all the money of an authorization, once: a final capture.
    pub async fn capture_authorization(
        &self,
        request_id: &str,
        authorization_id: &str,
        money: Money,
    ) -> Result<Capture, PayPalError> {
        let path = format!("/v2/payments/authorizations/{authorization_id}/capture");
        let body = json!({ "amount": written(money), "final_capture": true });
        let call = Call::post("capture_authorization", path, request_id, &body)?;
        let capture: CaptureBody = self.call(call).await?;
        Ok(Capture {
            id: capture.id,
            status: capture.status,
            money: capture.amount.into(),
        })
    }

    /// Restarts the three days for which an authorization's funds are honoured. The answer's id takes the place of the old one.
    pub async fn reauthorize(
        &self,
        request_id: &str,
        authorization_id: &str,
        money: Money,
    ) -> Result<Authorization, PayPalError> {
        let path = format!("/v2/payments/authorizations/{authorization_id}/reauthorize");
        let call = Call::post(
            "reauthorize",
            path,
            request_id,
            &json!({ "amount": written(money) }),
        )?;
        self.call::<AuthorizationBody>(call).await.map(Into::into)
    }

    /// Gives the money of an authorization back to the payer. One that is void already is a success.
    pub async fn void_authorization(
        &self,
        request_id: &str,
        authorization_id: &str,
    ) -> Result<(), PayPalError> {
        let path = format!("/v2/payments/authorizations/{authorization_id}/void");
        let call = Call::post("void_authorization", path, request_id, &json!({}))?;
        match self.exchange(call).await {
            Ok(_) => Ok(()),
            Err(error) if error.issue() == Some(&super::Issue::PreviouslyVoided) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
