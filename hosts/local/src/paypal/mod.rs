//! A simulator of PayPal's Orders v2 and Payments v2 for a merchant who authorizes first and
//! captures later.
//!
//! Supported:
//! - OAuth tokens
//! - orders (create, show, authorize)
//! - authorizations (show, capture, void, reauthorize)
//! - captures (show, refund) and refunds (show)
//! - the page on which a payer approves an order (GET shows it, POST approves)
//! - webhooks, see `webhooks/mod.rs`
//! - behaviours as unkind as the real PayPal's, on demand, see `behaviour/mod.rs`
//! - PayPal's console: captures, refunds, voids, reversals and disputes, see `console/mod.rs`
//! - PayPal's books at the present moment, see `books.rs`
//!
//! `docs/PAYPAL.md` says what is assumed of the real PayPal, with sources.
//!
//! Not supported: capturing an order with intent CAPTURE, changing an order, managing webhooks.
//!
//! Time comes from the given clock, so a test can let an authorization expire. The payer of an
//! order has 3 hours to open the approval page. Opening it starts another 3 hours for the approval
//! and the authorization. An authorization expires after 29 days, and its honor period is 3 days.
//! One reauthorization is possible, from the fourth day on. It starts another honor period. A
//! capture can be refunded for 180 days.
//!
//! The `description` of the purchase unit scripts outcomes that are chance at PayPal:
//!
//! | word in the description | effect |
//! |---|---|
//! | `SIMULATE_AUTHORIZE_DECLINED` | authorizing the order returns 422 `INSTRUMENT_DECLINED` |
//! | `SIMULATE_AUTHORIZE_DENIED` | the authorization is DENIED |
//! | `SIMULATE_AUTHORIZE_PENDING` | the authorization stays PENDING |
//! | `SIMULATE_AUTHORIZE_OTHER_AMOUNT` | the authorization has half the amount |
//! | `SIMULATE_CAPTURE_DECLINED` | capturing returns 422 `TRANSACTION_REFUSED` |
//! | `SIMULATE_CAPTURE_PENDING` | the capture stays PENDING |
//! | `SIMULATE_CAPTURE_CHECK_CLEARS` | the capture is PENDING, and COMPLETED 3 days later |
//! | `SIMULATE_CAPTURE_CHECK_BOUNCES` | the capture is PENDING, and DECLINED 3 days later |
//! | `SIMULATE_CAPTURE_BUSY_ONCE` | the first capture returns 503 without effect |
//! | `SIMULATE_FUNDS_LAPSE` | capturing after the honor period returns 422 `PAYER_CANNOT_PAY` |
//! | `SIMULATE_REAUTHORIZE_AGAIN` | each honor period can be followed by a reauthorization |
//! | `SIMULATE_REFUND_REFUSED` | refunding returns 422 `REFUND_FAILED_INSUFFICIENT_FUNDS` |
//!
//! Responses follow PayPal's published API description. Its edition of February 2024 omits four
//! issues that PayPal returns: `INSTRUMENT_DECLINED` for authorizing an order,
//! `DECIMALS_NOT_SUPPORTED` for creating one, `REAUTHORIZATION_TOO_SOON` and
//! `DUPLICATE_REQUEST_ID`.
//!
//! A behaviour does the same for payments without such a description, and takes precedence.
//!
//! Sources:
//! - <https://developer.paypal.com/docs/api/orders/v2/>
//! - <https://developer.paypal.com/docs/api/payments/v2/>
//! - <https://developer.paypal.com/api/rest/reference/idempotency/>

mod authorizations;
mod behaviour;
mod bodies;
mod books;
mod captures;
mod console;
mod course;
mod descriptions;
mod disputes;
mod errors;
mod exchanges;
mod family;
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
mod respond;
mod response;
mod routes;
mod scripted_outcome;
mod simulator;
#[cfg(test)]
mod tests;
mod times;
mod webhooks;

#[cfg(test)]
pub(crate) use self::tests::authorized_order;
pub use self::{
    behaviour::{Behaviour, BehaviourError, BehaviourRecord, Call, Scope, Unkindness},
    books::{AuthorizationEntry, Books, CaptureEntry, RefundEntry},
    console::{ConsoleAction, ConsoleError},
    course::{Outcome, PaymentStatus, Reports},
    disputes::{DisputeOutcome, DisputeStatus, MoneyBack, ShownAs},
    exchanges::Exchange,
    oauth::Credentials,
    operation::Operation,
    simulator::{LoadError, Simulator},
    webhooks::{
        deliveries::{Delivery, Forgery},
        error::WebhookError,
        signature::{WEBHOOK_ID, root},
    },
};
