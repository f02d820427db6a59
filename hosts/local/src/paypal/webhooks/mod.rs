//! Webhooks: events that PayPal reports to the merchant.
//!
//! Each change below is one event. The event contains the resource as the API shows it at that
//! time. Changes caused by time are reported when the events or the due deliveries are next read.
//!
//! | event | cause | resource |
//! |---|---|---|
//! | `CHECKOUT.ORDER.APPROVED` | the payer approves | the order |
//! | `PAYMENT.AUTHORIZATION.CREATED` | a (re)authorization, or its approval | the authorization |
//! | `PAYMENT.AUTHORIZATION.VOIDED` | a void, denial or expiry | the original |
//! | `PAYMENT.CAPTURE.COMPLETED` | a capture succeeds, or its e-check clears | the capture |
//! | `PAYMENT.CAPTURE.PENDING` | a capture waits for a review or an e-check | the capture |
//! | `PAYMENT.CAPTURE.DECLINED` or `DENIED` | it is refused, at once or later | the capture |
//! | `PAYMENT.CAPTURE.REFUNDED` | a refund completes | the refund |
//! | `PAYMENT.CAPTURE.REVERSED` | a chargeback or a lost dispute | the reversal as a refund |
//! | `PAYMENT.REFUND.PENDING` | a refund waits | the refund |
//! | `PAYMENT.REFUND.FAILED` | it fails or is canceled | the refund |
//! | `PAYMENT.REFUND.COMPLETED`, `CANCELLED` | with `events: other` only | the refund |
//! | `CUSTOMER.DISPUTE.CREATED`, `UPDATED`, `RESOLVED` | PayPal's console | the dispute |
//!
//! An authorization that is DENIED at once has no event. A refund links its capture as `up`.
//!
//! An event is due at once. A delivery without a 2xx response is retried up to 25 times in 3 days,
//! with growing pauses.
//!
//! Each delivery is signed with RSA-SHA256 (PKCS#1 v1.5). The signature covers
//! `transmissionId|transmissionTime|webhookId|crc32`, with the body's CRC-32 in decimal.
//! `/v1/notifications/certs/CERT-LOCAL` serves the signing certificate and its intermediate. The
//! root certificate to trust is [`root`](signature::root).
//! `POST /v1/notifications/verify-webhook-signature` verifies the exact bytes of the event in its
//! request.
//!
//! This module sends nothing. The owner of a [`Simulator`](super::Simulator) takes each
//! [`Delivery`](deliveries::Delivery), sends it and reports the response's status.
//!
//! Sources:
//! - <https://developer.paypal.com/api/rest/webhooks/rest/>
//! - <https://developer.paypal.com/api/rest/webhooks/event-names/>
//! - <https://developer.paypal.com/docs/api/webhooks/v1/>

pub(super) mod deliveries;
mod emit;
pub(super) mod error;
pub(super) mod events;
pub(super) mod signature;
mod simulator;
pub(super) mod verification;
