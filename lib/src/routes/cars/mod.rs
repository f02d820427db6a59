//! `/api/cars`: the catalogue and its availability.

mod list_query;

pub(super) mod availability;
pub(super) mod list;
pub(super) mod show;
