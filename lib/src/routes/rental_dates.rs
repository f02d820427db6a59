//! The days of a rental in a body or a query.

use crate::{
    domain::dates::{DateRange, parse_date},
    web::fields::Fields,
};

/// The rental in `startDate` and `endDate`, both required.
pub(super) fn read_rental_dates(fields: &mut Fields) -> Option<DateRange> {
    let start = fields.required("startDate", parse_date);
    let end = fields.required("endDate", parse_date);
    DateRange::new(start?, end?)
        .map_err(|refusal| fields.refuse("endDate", refusal))
        .ok()
}
