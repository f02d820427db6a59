//! Public reads of the cars: the list, the calendar and the price.

mod availability;
mod listing;
mod pricing;
