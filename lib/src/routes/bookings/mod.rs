//! `/api/bookings`: holds, orders, payments and cancellations.

mod booking_input;
mod order_input;

pub(super) mod authorize_paypal_order;
pub(super) mod cancel;
pub(super) mod create;
pub(super) mod create_paypal_order;
pub(super) mod party;
pub(super) mod show;
