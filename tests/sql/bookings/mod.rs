//! Holds and bookings: creating, expiring, canceling and advancing them, also in races.

mod advance;
mod cancel;
mod create;
mod hold_limit;
mod holds;
mod races;
mod shown_money;
