//! `/api/bookings`: holds, orders, payments and cancellations.

pub(super) mod authorize_paypal_order;
pub(super) mod cancel;
pub(super) mod create;
pub(super) mod create_paypal_order;
pub(super) mod show;
