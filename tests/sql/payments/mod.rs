//! Orders, authorizations, captures, voids and refunds of bookings.

mod authorizations;
mod canceled_bookings;
mod capture_schedule;
mod capture_sums;
mod captures;
mod late_captures;
mod orders;
mod plan;
mod reauthorizations;
mod refund_attempts;
mod refunds;
mod voids;
