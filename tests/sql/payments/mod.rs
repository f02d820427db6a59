//! Orders, authorizations, captures, voids and refunds of bookings.

mod authorizations;
mod canceled_bookings;
mod capture_schedule;
mod capture_sums;
mod captures;
mod checkout_races;
mod doubtful_authorizations;
mod ended_orders;
mod late_captures;
mod lost_orders;
mod orders;
mod paid_again;
mod pending_captures;
mod plan;
mod reauthorizations;
mod refund_attempts;
mod refund_window;
mod refunds;
mod retry_pauses;
mod reviews;
mod voids;
