//! The functions of the operators: reads, early captures and reauthorizations.

mod audit;
mod booking_list;
mod captures;
mod charge_refusals;
mod monitoring;
mod reauthorizations;
mod requests;
mod retention;
