//! `/api/webhooks`: events from PayPal.

pub(super) mod paypal;
pub(super) mod retry;
