//! Authorizations: money that is held. <https://developer.paypal.com/docs/api/payments/v2/>

use super::{Call, PayPal, PayPalError};
use crate::domain::{
    money::{Amount, Currency, Money},
    observation::{AuthorizationStatus, CaptureStatus, SeenAuthorization, SeenCapture},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize)]
pub(super) struct AuthorizationBody {
    id: String,
    status: AuthorizationStatus,
    amount: Value,
    expiration_time: Option<Timestamp>,
}

impl From<AuthorizationBody> for SeenAuthorization {
    fn from(body: AuthorizationBody) -> Self {
        Self {
            id: body.id,
            status: body.status,
            money: body.amount.into(),
            expires_at: body.expiration_time,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Value {
    pub(super) currency_code: Currency,
    pub(super) value: Amount,
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

#[derive(Deserialize)]
pub(super) struct CaptureBody {
    id: String,
    status: CaptureStatus,
    amount: Value,
}

impl From<CaptureBody> for SeenCapture {
    fn from(body: CaptureBody) -> Self {
        Self {
            id: body.id,
            status: body.status,
            money: body.amount.into(),
        }
    }
}

/// A refund that PayPal took on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// PayPal's id.
    pub id: String,
    /// Whether the money goes back. PENDING counts: PayPal has taken it from us.
    pub is_made: bool,
}

#[derive(Deserialize)]
struct RefundBody {
    id: String,
    status: String,
}

impl PayPal<'_> {
    /// Takes all the money of an authorization, once: a final capture.
    pub async fn capture_authorization(
        &self,
        request_id: &str,
        authorization_id: &str,
        money: Money,
    ) -> Result<SeenCapture, PayPalError> {
        let path = format!("/v2/payments/authorizations/{authorization_id}/capture");
        let body = json!({ "amount": written(money), "final_capture": true });
        let call = Call::post("capture_authorization", path, request_id, &body)?;
        self.call::<CaptureBody>(call).await.map(Into::into)
    }

    /// Restarts the three days for which an authorization's funds are honoured. The answer's id takes the place of the old one.
    pub async fn reauthorize(
        &self,
        request_id: &str,
        authorization_id: &str,
        money: Money,
    ) -> Result<SeenAuthorization, PayPalError> {
        let path = format!("/v2/payments/authorizations/{authorization_id}/reauthorize");
        let call = Call::post(
            "reauthorize",
            path,
            request_id,
            &json!({ "amount": written(money) }),
        )?;
        self.call::<AuthorizationBody>(call).await.map(Into::into)
    }

    /// Gives `money` of a capture back to the payer.
    pub async fn refund_capture(
        &self,
        request_id: &str,
        capture_id: &str,
        money: Money,
    ) -> Result<Refund, PayPalError> {
        let path = format!("/v2/payments/captures/{capture_id}/refund");
        let body = json!({ "amount": written(money) });
        let call = Call::post("refund_capture", path, request_id, &body)?;
        let refund: RefundBody = self.call(call).await?;
        Ok(Refund {
            id: refund.id,
            is_made: matches!(refund.status.as_str(), "COMPLETED" | "PENDING"),
        })
    }

    /// Gives the money of an authorization back to the payer. One that is void already is a success.
    pub async fn void_authorization(
        &self,
        request_id: &str,
        authorization_id: &str,
    ) -> Result<(), PayPalError> {
        const OPERATION: &str = "void_authorization";
        let path = format!("/v2/payments/authorizations/{authorization_id}/void");
        let call = Call::post(OPERATION, path, request_id, &json!({}))?;
        match self.exchange(call).await {
            Ok(answer) if is_void(answer.body()) => Ok(()),
            Ok(_) => Err(PayPalError::Unknown {
                operation: OPERATION,
            }),
            Err(error) if error.issue() == Some(&super::Issue::PreviouslyVoided) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a success says that an authorization is void: 204 with nothing, or 200 with the authorization. The page of a
/// gateway in between voids nothing.
fn is_void(body: &[u8]) -> bool {
    body.is_empty()
        || serde_json::from_slice::<AuthorizationBody>(body)
            .is_ok_and(|seen| seen.status == AuthorizationStatus::Voided)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paypal_says_that_an_authorization_is_void() {
        let shown = |status: &str| {
            let amount = json!({ "currency_code": "USD", "value": "237.60" });
            json!({ "id": "A1", "status": status, "amount": amount }).to_string()
        };
        assert!(is_void(b""));
        assert!(is_void(shown("VOIDED").as_bytes()));
        assert!(!is_void(shown("CREATED").as_bytes()));
        assert!(!is_void(&shown("VOIDED").as_bytes()[..20]));
        assert!(!is_void(b"<html><body>Please sign in.</body></html>"));
    }
}
