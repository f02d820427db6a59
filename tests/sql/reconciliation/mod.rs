//! Payments compared with PayPal: their record, when each is due, observed changes, findings and
//! disputes.

mod disputes;
mod findings;
mod lanes;
mod observations;
mod observed_refunds;
mod records;
