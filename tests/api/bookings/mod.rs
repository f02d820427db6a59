//! The routes of `/api/bookings`, also in races and failures.

mod authorize_paypal_order;
mod cancel;
mod cancel_failures;
mod cancel_races;
mod car_locks;
mod create;
mod create_paypal_order;
mod holds;
mod races;
mod show;
mod shown_money;
