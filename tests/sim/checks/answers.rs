//! What customers were told, which must be so.

use rust_decimal::Decimal;
use uuid::Uuid;

/// Something that a customer was told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// The car is held at this price.
    Held { booking: Uuid, price: Decimal },
    /// The booking is paid.
    Upcoming { booking: Uuid },
}
