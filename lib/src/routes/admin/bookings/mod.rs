//! `/api/admin/bookings`: the list of bookings, and an operator's actions on a booking.

pub(in crate::routes) mod capture;
pub(in crate::routes) mod list;
pub(in crate::routes) mod reauthorize;
pub(in crate::routes) mod refund;
pub(in crate::routes) mod void;
