//! Authorizations, captures and refunds. <https://developer.paypal.com/docs/api/payments/v2/>

use super::{Call, PayPal, PayPalError};
use crate::{
    clients::json,
    domain::{
        money::{Amount, Currency, Money},
        observation::{
            Authorization, AuthorizationStatus, Capture, CaptureStatus, Refund, RefundStatus,
        },
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use uuid::Uuid;

#[derive(Deserialize)]
pub(super) struct AuthorizationBody {
    id: String,
    status: AuthorizationStatus,
    amount: MoneyBody,
    expiration_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "null_as_default")]
    supplementary_data: SupplementaryData,
}

/// A response may be minimal in spite of `Prefer`. The new id is enough, because a repeated request
/// gets the same response.
#[derive(Deserialize)]
struct ReauthorizationBody {
    id: String,
    status: AuthorizationStatus,
    amount: Option<MoneyBody>,
    expiration_time: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
struct SupplementaryData {
    #[serde(default, deserialize_with = "null_as_default")]
    related_ids: RelatedIds,
}

#[derive(Default, Deserialize)]
struct RelatedIds {
    order_id: Option<String>,
}

impl From<AuthorizationBody> for Authorization {
    fn from(body: AuthorizationBody) -> Self {
        Self {
            id: body.id,
            order_id: body.supplementary_data.related_ids.order_id,
            status: body.status,
            money: body.amount.into(),
            expires_at: body.expiration_time,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct MoneyBody {
    pub(super) currency_code: Currency,
    pub(super) value: Amount,
}

impl From<MoneyBody> for Money {
    fn from(body: MoneyBody) -> Self {
        Self {
            amount: body.value,
            currency: body.currency_code,
        }
    }
}

/// `money` in PayPal's form.
fn money_json(money: Money) -> serde_json::Value {
    json!({ "currency_code": money.currency, "value": money.paypal_value() })
}

#[derive(Deserialize)]
pub(super) struct CaptureBody {
    id: String,
    status: CaptureStatus,
    amount: MoneyBody,
    #[serde(default, deserialize_with = "null_as_default")]
    status_details: StatusDetails,
}

#[derive(Default, Deserialize)]
struct StatusDetails {
    reason: Option<String>,
}

impl From<CaptureBody> for Capture {
    fn from(body: CaptureBody) -> Self {
        Self {
            id: body.id,
            status: body.status,
            money: body.amount.into(),
            reason: body.status_details.reason,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RefundBody {
    id: String,
    status: RefundStatus,
    amount: MoneyBody,
    /// A refund that is not ours may have any text.
    custom_id: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    links: Vec<Link>,
}

#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) rel: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) href: String,
}

impl From<RefundBody> for Refund {
    fn from(body: RefundBody) -> Self {
        let up = body.links.iter().find(|link| link.rel == "up");
        let capture = up.and_then(|link| link.href.split_once("/captures/"));
        Self {
            id: body.id,
            capture_id: capture
                .map(|(_, id)| id.to_owned())
                .filter(|id| !id.is_empty()),
            status: body.status,
            money: body.amount.into(),
            custom_id: body.custom_id.and_then(|id| Uuid::try_parse(&id).ok()),
        }
    }
}

/// Decodes `null` like a missing member. PayPal's answers have both.
pub(super) fn null_as_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

const GET_AUTHORIZATION: &str = "get_authorization";
const GET_CAPTURE: &str = "get_capture";
const GET_REFUND: &str = "get_refund";

fn authorization_path(id: &str) -> String {
    format!("/v2/payments/authorizations/{id}")
}

fn capture_path(id: &str) -> String {
    format!("/v2/payments/captures/{id}")
}

fn refund_path(id: &str) -> String {
    format!("/v2/payments/refunds/{id}")
}

impl PayPal<'_> {
    /// Fetches an authorization.
    pub(crate) async fn get_authorization(
        &self,
        authorization_id: &str,
    ) -> Result<Authorization, PayPalError> {
        let call = Call::get(GET_AUTHORIZATION, authorization_path(authorization_id));
        self.call::<AuthorizationBody>(call).await.map(Into::into)
    }

    /// Fetches a capture.
    pub(crate) async fn get_capture(&self, capture_id: &str) -> Result<Capture, PayPalError> {
        let call = Call::get(GET_CAPTURE, capture_path(capture_id));
        self.call::<CaptureBody>(call).await.map(Into::into)
    }

    /// Fetches a refund.
    pub(crate) async fn get_refund(&self, refund_id: &str) -> Result<Refund, PayPalError> {
        let call = Call::get(GET_REFUND, refund_path(refund_id));
        self.call::<RefundBody>(call).await.map(Into::into)
    }

    /// Captures `money` of an authorization, as the final capture.
    pub(crate) async fn capture_authorization(
        &self,
        request_id: &str,
        authorization_id: &str,
        money: Money,
    ) -> Result<Capture, PayPalError> {
        let path = format!("/v2/payments/authorizations/{authorization_id}/capture");
        let body = json!({ "amount": money_json(money), "final_capture": true });
        let call = Call::post("capture_authorization", path, request_id, &body)?;
        let capture = self.write::<CaptureBody>(call, GET_CAPTURE, capture_path);
        capture.await.map(Into::into)
    }

    /// Restarts the three days for which PayPal honors an authorization's funds. The new id
    /// replaces the old one.
    pub(crate) async fn reauthorize(
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
            &json!({ "amount": money_json(money) }),
        )?;
        let body: ReauthorizationBody = self.call(call).await?;
        Ok(Authorization {
            money: body.amount.map_or(money, Into::into),
            id: body.id,
            status: body.status,
            expires_at: body.expiration_time,
            order_id: None,
        })
    }

    /// Refunds `money` of a capture to the payer. `refund_id` is the id of our row, by which a
    /// refund is recognized after a lost response.
    pub(crate) async fn refund_capture(
        &self,
        request_id: &str,
        capture_id: &str,
        money: Money,
        refund_id: Uuid,
    ) -> Result<Refund, PayPalError> {
        let path = format!("/v2/payments/captures/{capture_id}/refund");
        let body = json!({ "amount": money_json(money), "custom_id": refund_id });
        let call = Call::post("refund_capture", path, request_id, &body)?;
        let refund = self.write::<RefundBody>(call, GET_REFUND, refund_path);
        refund.await.map(Into::into)
    }

    /// Voids an authorization. A void one counts as a success.
    pub(crate) async fn void_authorization(
        &self,
        request_id: &str,
        authorization_id: &str,
    ) -> Result<(), PayPalError> {
        const OPERATION: &str = "void_authorization";
        let path = format!("/v2/payments/authorizations/{authorization_id}/void");
        let call = Call::post(OPERATION, path, request_id, &json!({}))?;
        match self.exchange(call).await {
            Ok(response) if is_void(response.body()) => Ok(()),
            Ok(_) => Err(PayPalError::Unknown {
                operation: OPERATION,
            }),
            Err(error) if error.issue() == Some(&super::Issue::PreviouslyVoided) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether the body of a success proves that an authorization is void: 204 without a body, or 200
/// with the authorization, or with its id and status alone. A gateway's page proves nothing.
fn is_void(body: &[u8]) -> bool {
    body.is_empty()
        || json::from_slice::<super::MinimalBody>(body)
            .is_ok_and(|authorization| authorization.status == "VOIDED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paypal_confirms_void() {
        let body = |status: &str| {
            let amount = json!({ "currency_code": "USD", "value": "237.60" });
            json!({ "id": "A1", "status": status, "amount": amount }).to_string()
        };
        assert!(is_void(b""));
        assert!(is_void(body("VOIDED").as_bytes()));
        assert!(is_void(br#"{"id":"A1","status":"VOIDED","links":[]}"#));
        assert!(!is_void(br#"{"status":"VOIDED"}"#));
        assert!(!is_void(body("CREATED").as_bytes()));
        assert!(!is_void(&body("VOIDED").as_bytes()[..20]));
        assert!(!is_void(b"<html><body>Please sign in.</body></html>"));
    }
}
