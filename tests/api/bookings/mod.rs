//! The routes of `/api/bookings`, also in races and failures.

mod authorization_reviews;
mod authorize_paypal_order;
mod cancel;
mod cancel_failures;
mod cancel_races;
mod car_locks;
mod create;
mod create_paypal_order;
mod ended_orders;
mod holds;
mod paid_again;
mod races;
mod show;
mod shown_money;
mod shown_refunds;
