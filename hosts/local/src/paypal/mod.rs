//! PayPal's Orders v2 and Payments v2, as far as a merchant who authorizes now and captures later can see them.
//!
//! Offered: an OAuth token; orders (create, show, authorize); authorizations (show, capture, void, reauthorize);
//! captures (show, refund); refunds (show); and the page on which a payer approves an order: GET shows it, POST to the
//! same address approves; and webhooks, see `webhooks/mod.rs`. Not offered: capturing an order with intent CAPTURE, changing an
//! order, managing webhooks.
//!
//! Time is the given clock's, so a test can let an authorization lapse. An order waits 3 hours for its payer to come, then
//! 3 hours for the approval and the authorization. An authorization lives 29 days; its funds are honoured for 3 days, and
//! again for 3 days after a reauthorization, which is possible once, from the fourth day on.
//!
//! The purchase unit's `description` scripts what would otherwise be luck. It may contain:
//!
//! | word | effect |
//! |---|---|
//! | `SIMULATE_AUTHORIZE_DECLINED` | authorizing the order: 422 `INSTRUMENT_DECLINED` |
//! | `SIMULATE_AUTHORIZE_DENIED` | the authorization has the status DENIED |
//! | `SIMULATE_AUTHORIZE_PENDING` | the authorization has the status PENDING and stays so |
//! | `SIMULATE_AUTHORIZE_OTHER_AMOUNT` | the authorization carries half the amount |
//! | `SIMULATE_CAPTURE_DECLINED` | capturing: 422 `TRANSACTION_REFUSED` |
//! | `SIMULATE_CAPTURE_PENDING` | the capture has the status PENDING and stays so |
//! | `SIMULATE_CAPTURE_CHECK_CLEARS` | the capture has the status PENDING, and COMPLETED 3 days later |
//! | `SIMULATE_CAPTURE_CHECK_BOUNCES` | the capture has the status PENDING, and DECLINED 3 days later |
//! | `SIMULATE_CAPTURE_BUSY_ONCE` | the first attempt to capture: 503, nothing happens; the next ones work |
//! | `SIMULATE_FUNDS_LAPSE` | capturing after the 3 honoured days: 422 `PAYER_CANNOT_PAY` |
//! | `SIMULATE_REAUTHORIZE_AGAIN` | reauthorizing is possible every 3 days, also of a reauthorization |
//! | `SIMULATE_REFUND_REFUSED` | refunding: 422 `REFUND_FAILED_INSUFFICIENT_FUNDS` |
//!
//! The answers keep to PayPal's published description of its API. Its edition of February 2024 does not list four issues that
//! PayPal gives nevertheless: `INSTRUMENT_DECLINED` on authorizing an order, `DECIMALS_NOT_SUPPORTED` on creating one,
//! `REAUTHORIZATION_TOO_SOON` and `DUPLICATE_REQUEST_ID`.
//!
//! Sources: <https://developer.paypal.com/docs/api/orders/v2/>, <https://developer.paypal.com/docs/api/payments/v2/>,
//! <https://developer.paypal.com/api/rest/reference/idempotency/>

mod authorizations;
mod bodies;
mod captures;
mod descriptions;
mod errors;
mod exchanges;
mod fields;
mod idempotency;
mod ids;
mod ledger;
mod links;
mod money;
mod oauth;
mod operation;
mod orders;
mod parties;
mod refunds;
mod request;
mod response;
mod routes;
mod scripted;
mod simulator;
#[cfg(test)]
mod tests;
mod times;
mod webhooks;

pub use self::{
    exchanges::Exchange,
    oauth::Credentials,
    simulator::{LoadError, Simulator},
    webhooks::{
        deliveries::{Delivery, Tamper},
        error::WebhookError,
        signature::{WEBHOOK_ID, root},
    },
};
