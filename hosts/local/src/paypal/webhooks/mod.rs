//! Webhooks: what PayPal tells the merchant by itself.
//!
//! Each change below makes one event, which keeps the resource as the API shows it at that moment. What time alone brings
//! about is noticed when somebody next looks at the events.
//!
//! | event | when | resource |
//! |---|---|---|
//! | `CHECKOUT.ORDER.APPROVED` | the payer approved | the order |
//! | `PAYMENT.AUTHORIZATION.CREATED` | an authorization or a reauthorization that was not denied | the authorization |
//! | `PAYMENT.AUTHORIZATION.VOIDED` | it was voided, or its 29 days are over | the original authorization |
//! | `PAYMENT.CAPTURE.COMPLETED` | a capture, or its e-check, brought the money | the capture |
//! | `PAYMENT.CAPTURE.PENDING` | a capture waits for a review or an e-check | the capture |
//! | `PAYMENT.CAPTURE.DECLINED` | its e-check bounced | the capture |
//! | `PAYMENT.CAPTURE.REFUNDED` | some or all was given back | the refund, whose link `up` is the capture |
//!
//! An event is due at once, and again after every answer that is not 2xx: at most 25 more times in 3 days, after pauses
//! that grow. Each delivery is signed with RSA-SHA256 (PKCS#1 v1.5) over `transmissionId|transmissionTime|webhookId|crc32`,
//! the last being the CRC-32 of the body in decimal. The certificate that signed is served with its intermediate at
//! `/v1/notifications/certs/CERT-LOCAL`; [`root`](signature::root) is what to trust. `POST /v1/notifications/verify-webhook-signature`
//! verifies over the bytes of the event as they stand in the request.
//!
//! Nothing here sends: who owns a [`Simulator`](super::Simulator) takes the [`Delivery`](deliveries::Delivery)s, sends them, and says what was answered.
//!
//! Sources: <https://developer.paypal.com/api/rest/webhooks/rest/>, <https://developer.paypal.com/api/rest/webhooks/event-names/>,
//! <https://developer.paypal.com/docs/api/webhooks/v1/>

pub(super) mod deliveries;
pub(super) mod error;
pub(super) mod events;
mod reports;
pub(super) mod signature;
mod simulator;
pub(super) mod verification;
