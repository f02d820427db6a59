//! Verification of events by PayPal: the delivery is posted back.
//! <https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post>
//!
//! PayPal verifies the events of real webhooks only. Its simulator's events need a certificate.

use super::{Authenticity, Delivery};
use crate::clients::paypal::{Call, PayPal, PayPalError};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize)]
struct VerificationRequest<'a> {
    auth_algo: &'a str,
    cert_url: &'a str,
    transmission_id: &'a str,
    transmission_sig: String,
    transmission_time: &'a str,
    webhook_id: &'a str,
    /// The received bytes.
    webhook_event: &'a RawValue,
}

#[derive(Deserialize)]
struct VerificationResponse {
    verification_status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Success,
    Failure,
}

impl PayPal<'_> {
    pub(super) async fn verify_by_api(
        &self,
        delivery: &Delivery,
        webhook_id: &str,
    ) -> Result<Authenticity, PayPalError> {
        // PayPal's events are JSON. Any other body is forged.
        let Ok(event) = serde_json::from_slice(&delivery.body) else {
            return Ok(Authenticity::Forged);
        };
        let request = VerificationRequest {
            auth_algo: &delivery.algorithm,
            cert_url: &delivery.certificate_url,
            transmission_id: &delivery.transmission_id,
            transmission_sig: BASE64_STANDARD.encode(&delivery.signature),
            transmission_time: &delivery.transmission_time,
            webhook_id,
            webhook_event: event,
        };
        let call = Call::post_without_id(
            "verify_webhook",
            "/v1/notifications/verify-webhook-signature".to_owned(),
            &request,
        )?;
        let response: VerificationResponse = self.call(call).await?;
        Ok(match response.verification_status {
            Status::Success => Authenticity::Genuine,
            Status::Failure => Authenticity::Forged,
        })
    }
}
