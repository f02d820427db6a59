//! Payments compared with PayPal: observed changes and findings.

mod comparisons;
mod findings;
mod observations;
mod observed_refunds;
