//! `/api/cars`: the catalogue and its availability.

pub(super) mod availability;
pub(super) mod list;
pub(super) mod show;
