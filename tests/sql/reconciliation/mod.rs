//! Payments compared with PayPal: their record, when each is due, observed changes, findings and
//! disputes.

mod comparison_failures;
mod disputes;
mod findings;
mod lanes;
mod observed_captures;
mod observed_ends;
mod observed_refunds;
mod records;
